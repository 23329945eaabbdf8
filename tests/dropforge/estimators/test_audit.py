"""The audit: every mistake at once, in words, and nothing imported, called or constructed."""

from unittest import mock

import pytest

from dropforge.estimators import Allowed, Estimator
from tests.dropforge.estimators.auditing import audited, mistakes


def test_a_class_and_its_parameters_become_a_tree():
    tree, problems = audited("class: sklearn.tree.DecisionTreeClassifier\nparams: {max_depth: 3, criterion: gini}")
    assert problems == []
    assert tree == Estimator("sklearn.tree.DecisionTreeClassifier", {"max_depth": 3, "criterion": "gini"})


def test_a_short_name_is_enough_where_only_one_class_has_it():
    tree, _ = audited("class: SVC")
    assert tree == Estimator("sklearn.svm.SVC", {})


def test_nested_estimators_are_part_of_the_tree():
    tree, _ = audited(
        """
        class: Pipeline
        params:
          steps:
            - [scale, {class: StandardScaler}]
            - [model, {class: AdaBoostClassifier, params: {estimator: {class: DecisionTreeClassifier}}}]
        """
    )
    (_, scale), (_, model) = tree.params["steps"]
    assert scale.path == "sklearn.preprocessing.StandardScaler"
    assert model.params["estimator"].path == "sklearn.tree.DecisionTreeClassifier"


def test_a_list_stands_for_the_tuple_that_scikit_learn_wants():
    tree, _ = audited("class: MLPClassifier\nparams: {hidden_layer_sizes: [5, 5]}")
    assert list(tree.params["hidden_layer_sizes"]) == [5, 5]
    tree, problems = audited("class: TfidfVectorizer\nparams: {ngram_range: [1, 2]}")
    assert problems == []
    assert tree.params["ngram_range"] == (1, 2)


@pytest.mark.parametrize(
    ("text", "path", "message", "remedy"),
    [
        (
            "class: sklearn.tree.DecisionTreClassifier",
            "class",
            "scikit-learn has no estimator 'sklearn.tree.DecisionTreClassifier'",
            "Did you mean 'sklearn.tree.DecisionTreeClassifier'?",
        ),
        (
            "class: sklearn.tree.RandomForestClassifier",
            "class",
            "scikit-learn has no estimator 'sklearn.tree.RandomForestClassifier'",
            "Did you mean 'sklearn.ensemble.RandomForestClassifier'?",
        ),
        (
            "class: DecisionTreClassifier",
            "class",
            "scikit-learn has no estimator 'DecisionTreClassifier'",
            "Did you mean 'DecisionTreeClassifier'?",
        ),
        (
            "class: SVC\nparams: {kernal: rbf}",
            "params.kernal",
            "SVC has no parameter 'kernal'",
            "Did you mean 'kernel'?",
        ),
        (
            "class: SVC\nparams: {C: -1}",
            "params.C",
            "The 'C' parameter of SVC must be a float in the range (0.0, inf]. Got -1 instead.",
            "Correct it. The default is 1.0.",
        ),
        (
            "class: AdaBoostClassifier\nparams: {n_estimators: many}",
            "params.n_estimators",
            "The 'n_estimators' parameter of AdaBoostClassifier must be an int in the range [1, inf). "
            "Got 'many' instead.",
            "Correct it. The default is 50.",
        ),
        (
            "class: VotingClassifier",
            "",
            "VotingClassifier needs the parameter 'estimators'",
            "Add it under 'params'.",
        ),
        (
            "class: GridSearchCV\nparams: {estimator: {class: Pipeline, params: {steps: [[a, {class: SVC}]]}},"
            " param_grid: {memory: [cache]}}",
            "params.param_grid.memory[0]",
            "'memory' is not allowed: it writes and loads pickled files",
            "Leave it out.",
        ),
        (
            "class: Pipeline\nparams: {steps: [[a, {class: SVC}]], memory: cache}",
            "params.memory",
            "'memory' is not allowed: it writes and loads pickled files",
            "Leave it out.",
        ),
        ("params: {a: 1}", "class", "there is no class path", "Write e.g. class: sklearn.tree.DecisionTreeClassifier"),
        ("class: 5", "class", "there is no class path", "Write e.g. class: sklearn.tree.DecisionTreeClassifier"),
        ("class: SVC\nparams: [1]", "params", "the parameters must be a mapping", "Write 'name: value' pairs."),
        ("class: SVC\nparam: {C: 1}", "param", "the key 'param' is unknown", "Did you mean 'params'?"),
    ],
)
def test_a_mistake_is_explained_with_its_place_and_remedy(text, path, message, remedy):
    ((_, where, what, hint),) = mistakes(text)
    assert (where, what, hint) == (path, message, remedy)


def test_every_mistake_is_found_at_once_each_on_its_line():
    found = mistakes(
        """class: AdaBoostClassifier
params:
  n_estimators: 0
  lerning_rate: 1
  estimator:
    class: DecisionTreeClassifier
    params:
      max_dept: 3
      criterion: ginny
"""
    )
    assert [(line, path) for line, path, _, _ in found] == [
        (3, "params.n_estimators"),
        (4, "params.lerning_rate"),
        (8, "params.estimator.params.max_dept"),
        (9, "params.estimator.params.criterion"),
    ]


@pytest.mark.parametrize(
    ("allowed", "remedy"),
    [
        (Allowed(("sklearn.ensemble.*",)), "The spec's allow-list is sklearn.ensemble.*."),
        (Allowed(("sklearn.*",), ("sklearn.svm.*",)), "The spec's allow-list is sklearn.*, except sklearn.svm.*."),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_class_outside_the_allow_list_is_refused_nested_or_not(allowed, remedy, nested):
    text = "class: BaggingClassifier\nparams:\n  estimator: {class: SVC}" if nested else "class: sklearn.svm.SVC"
    ((line, path, message, hint),) = mistakes(text, allowed)
    assert (line, path) == ((3, "params.estimator.class") if nested else (1, "class"))
    assert (message, hint) == ("the class 'sklearn.svm.SVC' is not allowed here", remedy)


def test_nothing_is_constructed_by_the_audit():
    from sklearn.svm import SVC

    with mock.patch.object(SVC, "__init__", side_effect=AssertionError("constructed")):
        tree, problems = audited("class: BaggingClassifier\nparams: {estimator: {class: LinearSVC}}")
    assert tree is not None
    assert problems == []
