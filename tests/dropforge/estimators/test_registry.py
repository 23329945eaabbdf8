"""The registry of what may be built, and the types that a model file may hold."""

import functools
import importlib
import inspect
import os
import warnings

import numpy as np
import pytest
from sklearn.base import MetaEstimatorMixin
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectKBest
from sklearn.metrics import accuracy_score, get_scorer, get_scorer_names, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators
from skops.io import dumps, get_untrusted_types
from threadpoolctl import threadpool_limits

from dropforge.estimators import Allowed, registry
from dropforge.estimators.registry import short_names
from dropforge.estimators.trusted import trusted_types

CLASSIFIERS = dict(all_estimators("classifier"))


def test_every_path_is_public_and_leads_to_its_class():
    for path, entry in registry().items():
        module, _, name = path.rpartition(".")
        assert path.startswith("sklearn.")
        assert not any(part.startswith("_") for part in path.split("."))
        assert getattr(importlib.import_module(module), name) is entry.cls


def test_every_estimator_of_scikit_learn_is_there_once():
    assert {entry.cls for entry in registry().values()} == {cls for _, cls in all_estimators()}
    assert len(registry()) == len(all_estimators())


def test_an_entry_says_what_the_class_is_and_takes():
    entry = registry()["sklearn.tree.DecisionTreeClassifier"]
    assert (entry.name, entry.kind) == ("DecisionTreeClassifier", "classifier")
    assert list(entry.parameters)[:2] == ["criterion", "splitter"]
    assert entry.summary == "A decision tree classifier."
    depth = entry.parameters["max_depth"]
    assert (depth.default, depth.required, depth.allowed) == (None, False, "an int in the range [1, inf) or None")
    assert not entry.experimental


@pytest.mark.parametrize("kind", ["classifier", "regressor", "transformer"])
def test_kinds_are_those_of_scikit_learn(kind):
    theirs = {cls for _, cls in all_estimators(kind)}
    ours = {entry.cls for entry in registry().values() if entry.kind == kind}
    # A vectorizer transforms, and does not say so.
    assert all(hasattr(cls, "transform") for cls in ours - theirs) if kind == "transformer" else ours <= theirs
    # Some are two things at once: a classifier that also transforms is a classifier.
    assert all(registry_kind(cls) in ("classifier", "regressor", "clusterer") for cls in theirs - ours)


def registry_kind(cls):
    return next(entry.kind for entry in registry().values() if entry.cls is cls)


def test_a_short_name_leads_to_its_only_class():
    assert short_names()["DecisionTreeClassifier"] == "sklearn.tree.DecisionTreeClassifier"
    assert set(short_names().values()) <= set(registry())


@pytest.mark.parametrize(
    ("patterns", "deny", "path", "is_allowed"),
    [
        (("sklearn.*",), (), "sklearn.svm.SVC", True),
        (("sklearn.tree.*",), (), "sklearn.svm.SVC", False),
        (("sklearn.svm.SVC",), (), "sklearn.svm.SVC", True),
        (("sklearn.*",), ("sklearn.svm.*",), "sklearn.svm.SVC", False),
        (("sklearn.*",), ("*SVC",), "sklearn.svm.LinearSVC", False),
        (("SKLEARN.*",), (), "sklearn.svm.SVC", False),
        ((), (), "sklearn.svm.SVC", False),
    ],
)
def test_the_allow_list_admits_and_deny_narrows_it(patterns, deny, path, is_allowed):
    assert (path in Allowed(patterns, deny)) is is_allowed


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_a_fitted_classifier_holds_only_trusted_types(name):
    features, target = load_iris(return_X_y=True)
    features, target = features[::5], target[::5]
    if name in ("ClassifierChain", "MultiOutputClassifier"):  # they predict several columns
        target = np.column_stack([target == 0, target == 1])
    elif name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):  # it parts two classes
        target = target == 0
    model = _built(CLASSIFIERS[name])
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(features, target)
    assert set(get_untrusted_types(data=dumps(model))) <= trusted_types(())


def _built(cls):
    tree = DecisionTreeClassifier(max_depth=2)
    given = {"estimator": tree, "estimators": [("a", tree), ("b", GaussianNB())]}
    # What is fitted holds the same types, however little of it there is.
    small = {"n_estimators": 3, "max_iter": 20, "cv": 2, "Cs": 2}
    parameters = inspect.signature(cls).parameters.values()
    is_meta = issubclass(cls, MetaEstimatorMixin) or any(p.default is p.empty for p in parameters)
    values = {**small, **given} if is_meta else small
    return cls(**{p.name: values[p.name] for p in parameters if p.name in values})


@pytest.mark.parametrize("scoring", ["f1_macro", "roc_auc_ovr", "neg_log_loss", None])
def test_a_search_keeps_a_scorer_of_scikit_learn_and_that_is_trusted(scoring):
    features, target = load_iris(return_X_y=True)
    model = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, scoring=scoring).fit(features, target)
    assert set(get_untrusted_types(data=dumps(model))) <= trusted_types(())


def mine(truth, predicted):
    """Score by a function of somebody's own."""
    return 1.0


@pytest.mark.parametrize(
    "model",
    [
        FunctionTransformer(os.system),
        FunctionTransformer(mine),
        SelectKBest(mine),
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1]}, scoring=make_scorer(mine)),
        functools.partial(accuracy_score, normalize=False),
        DecisionTreeClassifier().fit,
    ],
)
def test_what_keeps_another_function_is_not_trusted(model):
    assert not set(get_untrusted_types(data=dumps(model))) <= trusted_types(())


def test_only_functions_that_are_a_default_or_a_metric_are_trusted_and_nothing_that_calls_any_other():
    known = {
        parameter.default
        for entry in registry().values()
        for parameter in inspect.signature(entry.cls).parameters.values()
        if inspect.isfunction(parameter.default)
    } | {get_scorer(name)._score_func for name in get_scorer_names()}
    assert all(
        function.__module__.startswith(("sklearn.metrics.", "sklearn.feature_selection.", "numpy"))
        for function in known
    )
    for path in trusted_types(()) - {"numpy.dtype"}:
        module, _, name = path.rpartition(".")
        value = getattr(importlib.import_module(module), name)
        assert inspect.isclass(value) or value in known
        assert path.startswith("sklearn.")
        assert name not in ("FunctionTransformer", "Parallel", "delayed")
        assert not {"tests", "datasets", "externals"} & set(path.split("."))
