"""Building what the audit let through."""

from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from dropforge.documents import parse
from dropforge.estimators import Allowed, audit, build, plain
from tests.dropforge.estimators.auditing import tree_of

NESTED = """
class: Pipeline
params:
  steps:
    - [reduce, {class: PCA, params: {n_components: 2}}]
    - [model, {class: AdaBoostClassifier, params: {estimator: {class: DecisionTreeClassifier}}}]
"""


def test_the_estimator_is_built_with_its_parameters():
    model = build(tree_of("class: RandomForestClassifier\nparams: {n_estimators: 5, max_depth: 2}"))
    assert isinstance(model, RandomForestClassifier)
    assert (model.n_estimators, model.max_depth, model.random_state) == (5, 2, None)


def test_nested_estimators_are_built_and_steps_are_named():
    model = build(tree_of(NESTED))
    assert isinstance(model, Pipeline)
    assert list(model.named_steps) == ["reduce", "model"]
    assert isinstance(model.named_steps["model"], AdaBoostClassifier)
    assert isinstance(model.named_steps["model"].estimator, DecisionTreeClassifier)


def test_a_random_state_that_is_not_set_takes_the_seed_nested_or_not():
    model = build(tree_of(NESTED), seed=7)
    states = {name: value for name, value in model.get_params().items() if name.endswith("random_state")}
    assert states == {
        "reduce__random_state": 7,
        "model__random_state": 7,
        "model__estimator__random_state": 7,
    }


def test_a_random_state_that_is_set_stays_null_too():
    for value, state in (("null", None), ("0", 0), ("3", 3)):
        model = build(tree_of(f"class: DecisionTreeClassifier\nparams: {{random_state: {value}}}"), seed=7)
        assert model.random_state == state


def test_an_estimator_without_random_state_is_built_with_a_seed_all_the_same():
    assert build(tree_of("class: KNeighborsClassifier"), seed=7).n_neighbors == 5


def test_the_plain_form_has_full_paths_and_sorted_keys_and_is_read_as_the_same_tree():
    tree = tree_of("class: SVC\nparams: {gamma: auto, C: 2.0}")
    assert plain(tree) == {"class": "sklearn.svm.SVC", "params": {"C": 2.0, "gamma": "auto"}}
    assert list(plain(tree)["params"]) == ["C", "gamma"]
    again, _ = audit(plain(tree_of(NESTED)), Allowed(), parse("a: 1", "a.yaml"), ())
    assert again == tree_of(NESTED)
