"""What YAML and JSON write differently from Python comes out right; what can't be right is explained."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from sklearn.utils._param_validation import InvalidParameterError

from dropforge.documents import parse
from dropforge.estimators import audit, build, registry
from dropforge.estimators.parameters import Parameter
from tests.dropforge.estimators.auditing import ALL, mistakes, param, tree_of


def same(value: Any, other: Any) -> bool:
    both_nan = isinstance(value, float) and isinstance(other, float) and math.isnan(value) and math.isnan(other)
    return type(value) is type(other) and (value == other or both_nan)


@pytest.mark.parametrize(
    ("name", "parameter", "written", "expected"),
    [
        # Lists for tuples: where a tuple is wanted, and where one is the default.
        ("MLPClassifier", "hidden_layer_sizes", "[5, 5]", (5, 5)),
        ("MLPClassifier", "hidden_layer_sizes", "[5]", (5,)),
        ("MLPClassifier", "hidden_layer_sizes", "5", 5),
        ("TfidfVectorizer", "ngram_range", "[1, 2]", (1, 2)),
        ("MinMaxScaler", "feature_range", "[-1, 1]", (-1, 1)),
        ("RobustScaler", "quantile_range", "[10, 90]", (10, 90)),
        ("RidgeClassifierCV", "alphas", "[0.1, 1]", (0.1, 1)),
        # Lists that stay lists.
        ("TfidfVectorizer", "stop_words", "[the, a]", ["the", "a"]),
        ("LogisticRegressionCV", "Cs", "[0.1, 1.0]", [0.1, 1.0]),
        # None: as YAML has it, and as Python spells it.
        ("RandomForestClassifier", "max_depth", "null", None),
        ("RandomForestClassifier", "max_depth", "~", None),
        ("RandomForestClassifier", "max_depth", "None", None),
        ("RandomForestClassifier", "max_features", "none", None),
        ("LogisticRegression", "penalty", "none", None),
        ("AdaBoostClassifier", "random_state", '"None"', None),
        # ... and the text, where any text will do.
        ("SimpleImputer", "missing_values", "None", "None"),
        # Numbers.
        ("SGDClassifier", "alpha", "1e-3", 0.001),
        ("SGDClassifier", "alpha", "1.0e-3", 0.001),
        ("LogisticRegression", "C", ".inf", math.inf),
        ("SimpleImputer", "missing_values", ".nan", math.nan),
        # A word that only looks like something else.
        ("LogisticRegression", "class_weight", "{0: 1, 1: 2.5}", {"0": 1, "1": 2.5}),
    ],
)  # fmt: skip
def test_value_is_the_one_that_was_meant(name: str, parameter: str, written: str, expected: Any) -> None:
    model = build(tree_of(param(name, parameter, written)))
    assert same(getattr(model, parameter), expected)


@pytest.mark.parametrize(
    ("name", "parameter", "written", "expected"),
    [
        ("SimpleImputer", "missing_values", "NaN", math.nan),
        ("LogisticRegression", "C", "Infinity", math.inf),
        ("RandomForestClassifier", "max_depth", "null", None),
        ("MinMaxScaler", "feature_range", "[0, 2]", (0, 2)),
    ],
)
def test_json_is_read_as_what_was_meant(name: str, parameter: str, written: str, expected: Any) -> None:
    document = parse(f'{{"class": "{name}", "params": {{"{parameter}": {written}}}}}', "a.json")
    tree, problems = audit(document.value, ALL, document, ())
    assert problems == []
    assert tree is not None
    assert same(getattr(build(tree), parameter), expected)


@pytest.mark.parametrize(
    ("name", "parameter", "written", "remedy"),
    [
        ("RandomForestClassifier", "n_estimators", '"100"', "Write 100, without quotes."),
        ("SVC", "C", '"1.5"', "Write 1.5, without quotes."),
        ("SVC", "tol", '"1e-3"', "Write 1e-3, without quotes."),
        ("RandomForestClassifier", "bootstrap", '"True"', "Write true, without quotes."),
        ("SVC", "C", "inf", "Write .inf (in JSON: Infinity), without quotes."),
        ("OrdinalEncoder", "encoded_missing_value", "nan", "Write .nan (in JSON: NaN), without quotes."),
        ("RandomForestClassifier", "criterion", "ginny", "Did you mean 'gini'?"),
        ("RandomForestClassifier", "n_estimators", "0", "Correct it. The default is 100."),
        ("BaggingClassifier", "estimator", "SVC", "Write {class: SVC}."),
        ("BaggingClassifier", "estimator", "{params: {C: 1}}", "Write it as a mapping with 'class' and 'params'."),
        ("KNeighborsClassifier", "weights", "my.weights",
         "Text never becomes a function here. Leave it out for the default, 'uniform'."),
        ("SelectKBest", "score_func", "chi2",
         "Text never becomes a function here. Leave it out for the default, f_classif."),
        ("OneHotEncoder", "dtype", "numpy.float32", "Write float32."),
    ],
)  # fmt: skip
def test_value_that_was_meant_otherwise_is_explained(name: str, parameter: str, written: str, remedy: str) -> None:
    ((_, path, message, hint),) = mistakes(param(name, parameter, written))
    assert (path, hint) == (f"params.{parameter}", remedy)
    assert parameter in message


EXAMPLES = (-1, 0, 0.5, 2.5, "no such word", [], [1], {"a": 1}, True, None, math.nan, (1, 2))


def verdict(name: str, parameter: str, value: Any) -> str:
    """Return what scikit-learn itself says of a value."""
    from sklearn.utils._param_validation import validate_parameter_constraints

    cls = registry()[name].cls
    try:
        validate_parameter_constraints(cls._parameter_constraints, {parameter: value}, cls.__name__)  # type: ignore[attr-defined]
    except InvalidParameterError as error:
        return str(error)
    return ""


CHECKED = [
    (path, parameter)
    for path, entry in registry().items()
    for parameter in entry.parameters.values()
    if parameter.rules is not None
]


def test_what_is_admitted_is_what_scikit_learn_admits() -> None:
    for path, parameter in CHECKED:
        for value in EXAMPLES:
            wrong = verdict(path, parameter.name, value)
            # A mapping is no array, though scikit-learn takes all that has a length for one.
            if not isinstance(value, dict):
                assert parameter.admits(value) is not bool(wrong), (path, parameter.name, value)


def words(text: str) -> set[str]:
    return set(text.replace("{", " ").replace("}", " ").replace(",", " ").split())


def test_wording_is_that_of_scikit_learn_without_what_a_config_cannot_write() -> None:
    compared = 0
    for path, parameter in CHECKED:
        value = next((value for value in EXAMPLES if not parameter.admits(value)), None)
        if value is None or "which a config cannot hold" in parameter.allowed:
            continue
        theirs = verdict(path, parameter.name, value)
        assert words(parameter.allowed) <= words(theirs.partition(". Got ")[0]), (path, parameter.name)
        assert theirs.startswith(parameter.complaint(path.rpartition(".")[2], value).partition(" must be ")[0])
        assert "callable" not in parameter.allowed
        compared += 1
    assert compared > 1000


def test_wording_is_the_same_each_time_and_words_are_sorted() -> None:
    criterion = registry()["sklearn.tree.DecisionTreeClassifier"].parameters["criterion"]
    assert criterion.allowed == "a str among {'entropy', 'gini', 'log_loss'}"
    assert criterion.options == ("entropy", "gini", "log_loss")


def test_many_words_are_shortened_in_a_message_and_not_in_the_description() -> None:
    scoring: Parameter = registry()["sklearn.model_selection.GridSearchCV"].parameters["scoring"]
    message = scoring.complaint("GridSearchCV", "x")
    assert "more}" in message
    assert len(message) < 400
    assert "'v_measure_score'" in scoring.allowed


def test_long_value_is_shown_in_short() -> None:
    ((_, _, message, _),) = mistakes(f"class: SVC\nparams: {{kernel: {json.dumps('x' * 10_000)}}}")
    assert len(message) < 400
