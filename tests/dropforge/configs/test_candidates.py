"""A config becomes candidates, or every mistake in it."""

import contextlib
import json
import sys

import pytest
from hypothesis import strategies as st

from dropforge.configs import convert, from_plain, read_candidates
from dropforge.documents import UserError
from dropforge.estimators import Allowed, build
from tests.dropforge.documents.values import values
from tests.dropforge.estimators.auditing import agrees
from tests.dropforge.fuzz import holds, shortly_and_for_long

ALL = Allowed()


def read(text, file="a.yaml", allowed=ALL):
    return read_candidates(text.encode(), file, allowed)


def mistakes(text, file="a.yaml", allowed=ALL):
    with pytest.raises(UserError) as caught:
        read(text, file, allowed)
    return [(p.file, p.line, p.path, p.message) for p in caught.value.problems]


def test_a_config_with_one_model_gives_one_candidate():
    (candidate,) = read("class: sklearn.tree.DecisionTreeClassifier\nparams: {max_depth: 3}", "tree.yaml")
    assert (candidate.config_file, candidate.name, candidate.force) == ("tree.yaml", "DecisionTreeClassifier", False)
    assert candidate.label == "tree.yaml: DecisionTreeClassifier"
    assert build(candidate.estimator).max_depth == 3


def test_a_config_may_list_several_models_by_name():
    first, second = read(
        """
        models:
          - {name: shallow, class: DecisionTreeClassifier, params: {max_depth: 1}}
          - {class: GaussianNB, force: true}
        """
    )
    assert [(c.name, c.force) for c in (first, second)] == [("shallow", False), ("GaussianNB", True)]
    assert first.label == "a.yaml: shallow"


def test_json_says_the_same_as_yaml():
    (from_json,) = read('{"class": "SVC",\n\t"params": {"C": 1e-3}}', "a.json")
    (from_yaml,) = read("class: SVC\nparams: {C: 1e-3}", "a.json.yaml")
    assert from_json.estimator == from_yaml.estimator


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LinearRegression", "a regressor"),
        ("StandardScaler", "a transformer"),
        ("KMeans", "a clusterer"),
        ("IsolationForest", "an outlier detector"),
    ],
)
def test_what_is_no_classifier_is_named_as_what_it_is(name, kind):
    ((_, line, path, message),) = mistakes(f"params: {{}}\nclass: {name}")
    assert (line, path, message) == (2, "class", f"{name} is {kind}, not a classifier")


@pytest.mark.parametrize(
    ("last", "is_fine"), [("GaussianNB", True), ("Ridge", False), ("PCA", False), ("DummyClassifier", True)]
)
def test_a_pipeline_is_what_its_last_step_is(last, is_fine):
    text = f"class: Pipeline\nparams: {{steps: [[scale, {{class: StandardScaler}}], [last, {{class: {last}}}]]}}"
    if is_fine:
        assert len(read(text)) == 1
    else:
        assert "not a classifier" in mistakes(text)[0][3]


@pytest.mark.parametrize("steps", ["[[a, {class: SVC}], x]", "[[{class: SVC}]]", "{a: SVC}"])
def test_a_pipeline_of_odd_steps_is_a_user_error(steps):
    assert mistakes(f"class: Pipeline\nparams: {{steps: {steps}}}")


def test_every_mistake_of_every_model_is_found_at_once_each_on_its_line():
    found = mistakes(
        """models:
  - class: DecisionTreeClassifier
    params: {max_dept: 3}
  - classs: SVC
  - class: SVC
    name: 5
    force: maybe
    params: {C: -1}
  - just text
  - class: Ridge
modles: 1
"""
    )
    assert [(line, path) for _, line, path, _ in found] == [
        (3, "models[0].params.max_dept"),
        (4, "models[1].classs"),
        (4, "models[1].class"),
        (6, "models[2].name"),
        (7, "models[2].force"),
        (8, "models[2].params.C"),
        (9, "models[3]"),
        (10, "models[4].class"),
        (11, "modles"),
    ]
    assert {file for file, _, _, _ in found} == {"a.yaml"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just text", "a config is a mapping"),
        ("models: 5", "'models' must be a list"),
        ("models: []", "the config names no model"),
        ("{}", "there is no class path"),
        ("class: SVC\nname: ''", "a model's name must be text of one line and 100 characters at most"),
        ('class: SVC\nname: "two\\nlines"', "a model's name must be text of one line and 100 characters at most"),
        (f"class: SVC\nname: {'n' * 101}", "a model's name must be text of one line and 100 characters at most"),
        ("class: SVC\nforce: 1", "'force' must be true or false"),
        ("class: SVC\nmodels: []", "the key 'class' is unknown beside 'models'"),
        ("class: [", "this is not YAML: expected the node content, but found '<stream end>'"),
    ],
)
def test_a_config_of_the_wrong_shape_is_explained(text, message):
    assert message in [found for _, _, _, found in mistakes(text)]


def test_many_grids_in_one_file_are_held_to_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dropforge.configs.candidates.MOST_CANDIDATES", 300)
    monkeypatch.setattr(sys.modules["dropforge.configs.convert"], "MAX_GRID", 100)  # the package has the function
    grid = b"- {class: SVC, grid: {C: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], degree: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}\n"
    for content in (grid * 5, grid.replace(b"- ", b"--- ") * 5):
        for outcome in (lambda text: read_candidates(text, "a.yaml", ALL), lambda text: convert(text, "a.yaml")):
            with pytest.raises(UserError) as refused:
                outcome(content)
            (problem,) = refused.value.problems
            assert (problem.line, problem.message) == (4, "more than 300 models in one file")


@pytest.mark.parametrize("text", ["- 5\n", "--- 5\n", "- {class: 5}\n", "- !x 1\n", "- {a: 1, a: 2}\n"])
def test_of_very_many_mistakes_the_first_are_shown(text: str) -> None:
    for outcome in (lambda text: read_candidates(text, "a.yaml", ALL), lambda text: convert(text, "a.yaml")):
        with pytest.raises(UserError) as refused:
            outcome(text.encode() * 3000)
        *found, last = refused.value.problems
        assert [problem.line for problem in found] == sorted(problem.line for problem in found)
        assert (len(found), found[0].line) == (1000, 1)
        assert "more mistakes than these" in str(last)


def test_one_mistake_refuses_the_whole_file():
    assert len(mistakes("models: [{class: SVC}, {class: SVD}]")) == 1


def test_a_candidate_is_audited_anew_where_it_arrives():
    (candidate,) = read("class: SVC")
    plain = json.loads(json.dumps(candidate.to_plain()))
    assert from_plain(plain, ALL) == candidate
    with pytest.raises(UserError, match="is not allowed here"):
        from_plain(plain, Allowed(("sklearn.tree.*",)))


CLASSES = (
    "sklearn.tree.DecisionTreeClassifier", "SVC", "Pipeline", "VotingClassifier", "GridSearchCV", "BaggingClassifier",
    "MLPClassifier", "ColumnTransformer", "OneVsRestClassifier", "os.system", "sklearn",
)  # fmt: skip
PARAMS = (
    "max_depth", "C", "kernel", "steps", "estimators", "estimator", "param_grid", "random_state", "memory",
    "class_weight", "hidden_layer_sizes", "transformers", "weights",
)  # fmt: skip
models = st.deferred(
    lambda: st.fixed_dictionaries(
        {"class": st.sampled_from(CLASSES)},
        optional={
            "params": st.dictionaries(st.sampled_from(PARAMS), nested, max_size=3) | values,
            "name": values,
            "force": values,
        },
    )
)
nested = values | models | st.lists(st.lists(st.sampled_from(["a", "b"]) | models, max_size=3) | models, max_size=3)
configs = models | values | st.fixed_dictionaries({"models": st.lists(models, max_size=3) | values})


ODD = (
    {"class": "Pipeline", "params": {"steps": [["a", {"class": "SVC"}], "x"]}},
    {"class": "VotingClassifier", "params": {"estimators": [["a", {"class": "SVC"}], ["b", {"class": "SVC"}]]}},
    {"class": "GridSearchCV", "params": {"estimator": {"class": "SVC"}, "param_grid": {"C": [1, 2]}}},
    {"class": "SVC", "params": {"C": 10**400}},
)


@shortly_and_for_long
def test_any_values_give_candidates_that_can_be_carried_and_built_or_a_user_error(examples):
    def check(config):
        with contextlib.suppress(UserError):
            for candidate in read(json.dumps(config), "a.json"):
                can_be_carried_and_built(candidate)

    holds(examples, check, configs, always=ODD)


def can_be_carried_and_built(candidate):
    plain = candidate.to_plain()
    carried = from_plain(json.loads(json.dumps(plain)), ALL)
    assert carried.label == candidate.label
    # Compared as text, in which NaN is NaN.
    assert json.dumps(carried.to_plain()) == json.dumps(plain)
    assert agrees(build(carried.estimator), candidate.estimator)
