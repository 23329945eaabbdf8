"""What scikit-learn has no more is explained; and the table of it is held to the installed version."""

from __future__ import annotations

import importlib.util

import pytest

from dropforge.estimators import registry
from dropforge.estimators.registry import short_names
from dropforge.estimators.retired import CLASSES, MODULES, PARAMETERS, WORDS
from tests.dropforge.estimators.auditing import mistakes, param


@pytest.mark.parametrize("retired", PARAMETERS, ids=lambda retired: f"{retired.name}-{retired.classes.split()[0]}")
def test_retired_parameter_exists_no_more_and_its_replacement_does(retired):
    for name in retired.classes.split():
        entry = registry()[short_names()[name]]
        assert retired.name not in entry.parameters
        assert not retired.replacement or retired.replacement in entry.parameters
        ((_, path, message, hint),) = [
            mistake for mistake in mistakes(param(name, retired.name, "1")) if mistake[1].startswith("params.")
        ]
        assert path == f"params.{retired.name}"
        assert message == f"{name} has no parameter '{retired.name}' since scikit-learn {retired.since}"
        assert hint == retired.instead


WORDS_LIST = [(parameter, retired) for parameter, found in WORDS.items() for retired in found]


@pytest.mark.parametrize(("parameter", "retired"), WORDS_LIST, ids=lambda item: getattr(item, "name", item))
def test_retired_word_is_taken_no_more_and_its_replacement_is(parameter, retired):
    entries = [entry for entry in registry().values() if retired.concerns(entry) and parameter in entry.parameters]
    assert entries
    if retired.classes != "*":
        assert len(entries) == len(retired.classes.split())
    taken = [entry for entry in entries if entry.parameters[parameter].admits(retired.replacement)]
    assert taken or not retired.replacement
    for entry in entries:
        assert not entry.parameters[parameter].admits(retired.name), entry.path
        found = {where: hint for _, where, _, hint in mistakes(param(entry.path, parameter, retired.name))}
        hint = found[f"params.{parameter}"]
        assert hint == f"'{retired.name}' was removed in scikit-learn {retired.since}. {retired.instead}"


@pytest.mark.parametrize("name", CLASSES)
def test_retired_class_exists_no_more_and_its_successor_does(name):
    since, successor = CLASSES[name]
    assert name not in short_names()
    assert not successor or successor in registry()
    ((_, _, message, hint),) = mistakes(f"class: {name}")
    assert message == f"'{name}' was removed from scikit-learn in {since}"
    assert hint == (f"Write {successor}." if successor else "Choose another: nothing took its place.")


@pytest.mark.parametrize("module", MODULES)
def test_retired_module_exists_no_more_and_its_successor_does(module):
    since, successor = MODULES[module]
    assert importlib.util.find_spec(module) is None
    assert not successor or importlib.util.find_spec(successor)
    ((_, _, message, _),) = mistakes(f"class: {module}.Something")
    assert message == f"the module '{module}' was removed from scikit-learn in {since}"


@pytest.mark.parametrize(
    ("path", "message", "remedy"),
    [
        (
            "sklearn.ensemble.forest.RandomForestClassifier",
            "the module 'sklearn.ensemble.forest' was removed from scikit-learn in 0.24",
            "Write sklearn.ensemble.RandomForestClassifier.",
        ),
        (
            "sklearn.ensemble._forest.RandomForestClassifier",
            "'sklearn.ensemble._forest.RandomForestClassifier' is a private path of scikit-learn, "
            "which may change with any release",
            "Write sklearn.ensemble.RandomForestClassifier.",
        ),
        (
            "sklearn.cross_validation.StratifiedKFold",
            "the module 'sklearn.cross_validation' was removed from scikit-learn in 0.20",
            "Look into sklearn.model_selection.",
        ),
        (
            "sklearn.preprocessing.Imputer",
            "'sklearn.preprocessing.Imputer' was removed from scikit-learn in 0.22",
            "Write sklearn.impute.SimpleImputer.",
        ),
    ],
)
def test_path_that_was_right_once_leads_to_the_one_that_is(path, message, remedy):
    ((_, where, what, hint),) = mistakes(f"class: {path}")
    assert (where, what, hint) == ("class", message, remedy)


def test_private_path_of_every_estimator_leads_to_the_public_one():
    for path, entry in registry().items():
        private = f"{entry.cls.__module__}.{entry.name}"
        if private != path:
            ((_, _, message, hint),) = mistakes(f"class: {private}")
            assert "is a private path of scikit-learn" in message or "was removed" in message
            assert hint == f"Write {path}."
