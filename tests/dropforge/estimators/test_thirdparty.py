"""Estimators of other packages: lightgbm's, where the spec names it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dropforge.configs import read_candidates
from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.estimators import Allowed, build
from dropforge.estimators.trusted import trusted_types
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.training import Trainer
from dropforge.training.apart import apart
from dropforge.training.fit import fit
from dropforge.training.log import _pins_of
from tests.dropforge.estimators.auditing import mistakes, tree_of
from tests.dropforge.wine import WINE, version_of

pytestmark = pytest.mark.slow

LIGHT = Allowed(("sklearn.*", "lightgbm.*"))


@pytest.mark.parametrize(
    ("patterns", "modules"),
    [
        (("sklearn.*",), ()),
        (("lightgbm.*",), ("lightgbm",)),
        (("lightgbm.LGBMClassifier",), ("lightgbm",)),
        (("lightgbm.LGBM*",), ("lightgbm",)),
        (("imblearn.ensemble.*",), ("imblearn.ensemble",)),
        (("*", "*.LGBMClassifier", "light*.LGBMClassifier", "?ightgbm.*", "[l]ightgbm.*", "lightgbm"), ()),
    ],
)
def test_only_packages_that_a_pattern_names_in_full_are_admitted(
    patterns: tuple[str, ...], modules: tuple[str, ...]
) -> None:
    assert Allowed(patterns).modules == modules


@pytest.mark.parametrize("name", ["lightgbm.LGBMClassifier", "LGBMClassifier"])
def test_class_of_another_package_is_found_by_its_path_and_by_its_name(name: str) -> None:
    tree = tree_of(f"class: {name}\nparams: {{n_estimators: 7}}", LIGHT)
    assert tree.path == "lightgbm.LGBMClassifier"
    model = build(tree, seed=3)
    assert type(model).__module__.startswith("lightgbm.")
    assert (model.n_estimators, model.random_state) == (7, 3)


@pytest.mark.parametrize(
    ("text", "allowed", "message", "remedy"),
    [
        ("class: LGBMClassifier", Allowed(), "scikit-learn has no estimator", "add 'lightgbm.*' to train.estimators"),
        ("class: lightgbm.LGBMClassifier", Allowed(), "is not allowed here", "add 'lightgbm.*' to train.estimators"),
        ("class: lightgbm.LGBMClassifier", Allowed(("*",)), "is not allowed here", "add 'lightgbm.*'"),
        ("class: lightgbm.LGBMClassifier", Allowed(LIGHT.patterns, ("*.LGBM*",)), "is not allowed here", "except"),
        ("class: lightgbm.LGBMClasifier", LIGHT, "'lightgbm' has no estimator", "Did you mean 'lightgbm.LGBMClass"),
        ("class: lightgbm.sklearn.LGBMClassifier", LIGHT, "has no estimator", "Write lightgbm.LGBMClassifier."),
        ("class: lightgbm.Booster", LIGHT, "'lightgbm' has no estimator", ""),
        ("class: nopackage.Model", Allowed(("nopackage.*",)), "'nopackage' cannot be imported", "Install it"),
        ("class: LGBMClassifier\nparams: {foo: 1}", LIGHT, "has no parameter 'foo'", "It has: boosting_type"),
        ("class: LGBMClassifier\nparams: {objective: os.system}", LIGHT, "something in a module", "Leave it out"),
    ],
)
def test_mistake_is_explained(text: str, allowed: Allowed, message: str, remedy: str) -> None:
    ((_, _, what, hint),) = mistakes(text, allowed)
    assert message in what
    assert remedy in hint


def test_regressor_of_another_package_is_named_with_its_classifier() -> None:
    with pytest.raises(UserError, match="LGBMRegressor is a regressor, not a classifier") as raised:
        read_candidates(b"class: lightgbm.LGBMRegressor", "a.yaml", LIGHT)
    assert raised.value.problems[0].remedy == "The classifier is 'lightgbm.LGBMClassifier'."


def test_types_of_a_package_are_trusted_only_where_it_is_admitted() -> None:
    more = trusted_types(LIGHT.modules) - trusted_types()
    assert {"lightgbm.sklearn.LGBMClassifier", "lightgbm.basic.Booster"} <= more
    assert {name.partition(".")[0] for name in more} == {"lightgbm", "collections"}


@pytest.mark.slow
def test_model_of_another_package_is_trained_registered_and_loaded_back_where_it_is_admitted(
    project: Project, rows: Rows
) -> None:
    pipeline = replace(WINE, train=replace(WINE.train, estimators=LIGHT.patterns))
    config = b"class: lightgbm.LGBMClassifier\nparams: {n_estimators: 10}\n"
    (candidate,) = read_candidates(config, "light.yaml", LIGHT)
    with Trainer(pipeline, rows, project, threads=1) as trainer:
        outcome = trainer.train(candidate, config)
    assert (outcome.status, outcome.error) == ("trained", "")
    features, _ = rows.part("holdout")

    def predictions() -> tuple[np.ndarray, np.ndarray]:
        store = Store.connect(project)
        version = version_of(store, str(outcome.version))
        with pytest.raises(UserError, match=r"types that are not trusted: .*lightgbm"):
            load(store, version)
        loaded = load(store, version, LIGHT.modules)
        trained = fit(build(candidate.estimator, pipeline.data.split.seed), rows, "").estimator
        return loaded.pyfunc.predict(features), trained.predict(features)

    # Apart, as other tests fork this process: threads of a fit here would be missing there.
    by_loader, expected = apart(predictions, 4096)
    np.testing.assert_array_equal(by_loader, expected)
    assert any(pin.startswith("lightgbm==") for pin in _pins_of(candidate))
