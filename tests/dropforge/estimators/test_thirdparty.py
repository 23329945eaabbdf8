"""Estimators of other packages: lightgbm's, where the spec names it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from dropforge.configs import read_candidates
from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.estimators import Allowed, build
from dropforge.estimators.registry import make_entry
from dropforge.estimators.trusted import trusted_types
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.training import Trainer
from dropforge.training.apart import apart
from dropforge.training.artifact import pins_of
from dropforge.training.fit import fit
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
        ("class: LGBMClassifier\nparams: {n_estimator: 1}", LIGHT, "has no parameter", "Did you mean 'n_estimators'?"),
        ("class: LGBMClassifier\nparams: {fit: 1}", LIGHT, "has no parameter 'fit'", "It has: boosting_type"),
        ("class: LGBMClassifier\nparams: {_Booster: 1}", LIGHT, "has no parameter '_Booster'", ""),
        ("class: LGBMClassifier\nparams: {a b: 1}", LIGHT, "has no parameter 'a b'", "It has: boosting_type"),
        ("class: LGBMClassifier\nparams: {machines: 'h:80'}", LIGHT, "it may name a file, or another machine", "Leave"),
        ("class: LGBMClassifier\nparams: {mlist: /etc/hosts}", LIGHT, "it may name a file, or another", "Leave it out"),
        ("class: LGBMClassifier\nparams: {forcedsplits_filename: x}", LIGHT, "it may name a file", "Leave it out"),
        ("class: LGBMClassifier\nparams: {objective: os.system}", LIGHT, "something in a module", "Leave it out"),
    ],
)
def test_mistake_is_explained(text: str, allowed: Allowed, message: str, remedy: str) -> None:
    ((_, _, what, hint),) = mistakes(text, allowed)
    assert message in what
    assert remedy in hint


def test_parameter_that_a_class_takes_without_naming_it_is_passed_on() -> None:
    tree = tree_of("class: LGBMClassifier\nparams: {verbose: -1, min_data_in_leaf: 5, metric: auc}", LIGHT)
    assert build(tree).get_params().items() >= {"verbose": -1, "min_data_in_leaf": 5, "metric": "auc"}.items()
    search = "class: GridSearchCV\nparams: {estimator: {class: LGBMClassifier}, param_grid: {max_bin: [15, 63]}}"
    assert build(tree_of(search, LIGHT)).param_grid == {"max_bin": [15, 63]}


def test_parameters_of_a_class_that_hands_them_on_are_those_of_the_class_that_it_extends() -> None:
    class Base(BaseEstimator):
        def __init__(self, depth: int = 3, rate: float = 0.1) -> None: ...

    class Open(Base):
        def __init__(self, rate: float = 0.5, **kwargs: object) -> None: ...

    entry = make_entry("other.Open", Open)
    assert [(name, parameter.default) for name, parameter in entry.parameters.items()] == [("rate", 0.5), ("depth", 3)]
    assert entry.parameter("more") is None


def test_regressor_of_another_package_is_named_with_its_classifier() -> None:
    with pytest.raises(UserError, match="LGBMRegressor is a regressor, not a classifier") as raised:
        read_candidates(b"class: lightgbm.LGBMRegressor", "a.yaml", LIGHT)
    assert raised.value.problems[0].remedy == "The classifier is 'lightgbm.LGBMClassifier'."


def test_types_of_a_package_are_trusted_only_where_it_is_admitted() -> None:
    more = trusted_types(LIGHT.modules) - trusted_types(())
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
    assert any(pin.startswith("lightgbm==") for pin in pins_of(candidate))
