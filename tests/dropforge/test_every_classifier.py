"""Every classifier of scikit-learn, from a config to a version on a real MLflow server that predicts the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.utils import all_estimators, get_tags

from dropforge.configs import Candidate, read_candidates
from dropforge.data import load
from dropforge.estimators import Allowed, Estimator, build
from dropforge.estimators.tree import paths
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry import models as versions
from dropforge.settings import Pipeline
from dropforge.training import Trainer
from dropforge.training.apart import apart
from dropforge.training.fit import fit
from dropforge.training.prepare import prepare
from tests.dropforge.servers import mlflow_server
from tests.dropforge.wine import WINE, version_of

pytestmark = pytest.mark.slow

TREE = {"class": "DecisionTreeClassifier", "params": {"max_depth": 3}}
TWO = {"estimators": [["tree", TREE], ["bayes", {"class": "GaussianNB"}]]}
# With defaults; those that cannot do without get the smallest thing to nest.
PARAMS = {
    "ClassifierChain": {"estimator": TREE},
    "FixedThresholdClassifier": {"estimator": TREE},
    "MultiOutputClassifier": {"estimator": TREE},
    "OneVsOneClassifier": {"estimator": TREE},
    "OneVsRestClassifier": {"estimator": TREE},
    "OutputCodeClassifier": {"estimator": TREE},
    "SelfTrainingClassifier": {"estimator": TREE},
    "StackingClassifier": TWO,
    "TunedThresholdClassifierCV": {"estimator": TREE},
    "VotingClassifier": TWO,
}
CLASSIFIERS = [name for name, _ in all_estimators("classifier")]


def on(source: str) -> Pipeline:
    """Return the pipeline on other data."""
    return replace(WINE, data=replace(WINE.data, source=f"sklearn.datasets.{source}"))


# Most learn the wines. Some part two classes only, one wants neighbours within 1.0, one categories it has seen.
OTHER = dict.fromkeys(
    ("ClassifierChain", "FixedThresholdClassifier", "TunedThresholdClassifierCV"), on("load_breast_cancer")
) | dict.fromkeys(("CategoricalNB", "RadiusNeighborsClassifier"), on("load_iris"))


HEAD = ("| classifier | gives probabilities | takes missing values | scaled before it |", "|---|---|---|---|")


def row_of(candidate: Candidate, tree: Estimator, probable: bool) -> str:
    """Return what the docs say of a classifier: what it takes and gives, and what is done before it."""
    takes_missing = get_tags(build(candidate.estimator)).input_tags.allow_nan
    scaled = "sklearn.preprocessing.StandardScaler" in paths(tree)
    marks = ("yes" if mark else "no" for mark in (probable, takes_missing, scaled))
    return f"| {' | '.join([f'`{candidate.estimator.path}`', *marks])} |"


def gives_probabilities(estimator: Any) -> bool:
    """Return whether there is a probability for each class, as the model server answers it."""
    return hasattr(estimator, "predict_proba") and np.ndim(estimator.classes_) == 1


@dataclass
class Bench:
    """A real MLflow, and what came of each classifier."""

    project: Project
    trainers: dict[str, Trainer]
    table: list[str] = field(default_factory=lambda: [*HEAD])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """MLflow's own server; at the end, the table of what was trained."""
    folder = tmp_path_factory.mktemp("every")
    project = Project(folder)
    with mlflow_server(folder) as address, pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        trainers = {
            pipeline.data.source: stack.enter_context(
                Trainer(pipeline, load(pipeline.data, folder), project, threads=1)
            )
            for pipeline in (WINE, *OTHER.values())
        }
        bench = Bench(project, trainers)
        yield bench
    (folder / "classifiers.md").write_text("\n".join([*bench.table, ""]))
    print("\n".join(bench.table))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_is_trained_registered_and_loaded_back_and_predicts_the_same(bench: Bench, name: str) -> None:
    pipeline = OTHER.get(name, WINE)
    rows = load(pipeline.data, bench.project.home)
    config = yaml.safe_dump({"class": name, "params": PARAMS.get(name, {})}).encode()
    (candidate,) = read_candidates(config, f"{name}.yaml", Allowed())

    outcome = bench.trainers[pipeline.data.source].train(candidate, config)

    assert (outcome.status, outcome.error) == ("trained", "")
    features, _ = rows.part("holdout")
    tree = prepare(candidate.estimator, pipeline.data, rows).tree

    def predictions() -> tuple[list[np.ndarray], bool]:
        """Return what the version predicts by its two doors, and what the estimator predicts where it is fitted.

        Beside them, whether it gives probabilities.
        """
        loaded = versions.load(store, version_of(store, str(outcome.version)))
        trained = fit(build(tree, pipeline.data.split.seed), rows, "").estimator
        doors = (loaded.pyfunc, loaded.estimator, trained)
        return [np.ravel(door.predict(features)) for door in doors], gives_probabilities(loaded.estimator)

    store = Store.connect(bench.project)
    # Apart, as the next training is a fork of this process: threads of a fit here would be missing there.
    (by_mlflow, by_loader, expected), probable = apart(predictions, 4096)
    np.testing.assert_array_equal(by_mlflow, expected)
    np.testing.assert_array_equal(by_loader, expected)
    assert version_of(store, str(outcome.version)).tags["estimator"] == candidate.estimator.path
    bench.table.append(row_of(candidate, tree, probable))


def test_the_table_names_every_classifier_once(bench: Bench) -> None:
    assert len(bench.table) == len(CLASSIFIERS) + 2
    assert len({line.split("|")[1] for line in bench.table[2:]}) == len(CLASSIFIERS)
    # What the docs show is what this run did.
    docs = (Path(__file__).parents[2] / "docs" / "classifiers.md").read_text(encoding="utf-8")
    assert [line for line in docs.splitlines() if line.startswith("|")] == bench.table
