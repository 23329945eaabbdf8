"""MLflow explains a model by itself: how training went, each class, curves, importances, a card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib import image
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from sklearn.metrics import f1_score

from dropforge.data import Rows
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry import models as versions
from dropforge.settings import Pipeline
from dropforge.training import explain
from tests.dropforge.penguins import PENGUINS, penguins
from tests.dropforge.wine import copy_project, train_config

MEASURED = replace(PENGUINS, description="Which species a penguin is of", train=replace(PENGUINS.train, cv=3))
BOOSTED = b"class: GradientBoostingClassifier\nparams: {n_estimators: 20}\n"
PLOTS = {"confusion_matrix.png", "curves.png", "importances.png"}


@dataclass(frozen=True)
class Shown:
    """What MLflow has of a candidate."""

    store: Store
    rows: Rows
    run: Run
    version: ModelVersion

    def file(self, name: str) -> Path:
        return Path(self.store.client.download_artifacts(self.run.info.run_id, name))

    @property
    def files(self) -> set[str]:
        return {item.path for item in self.store.client.list_artifacts(self.run.info.run_id)}

    def history(self, metric: str) -> list[float]:
        found = self.store.client.get_metric_history(self.run.info.run_id, metric)
        return [one.value for one in sorted(found, key=lambda one: one.step)]


def shown(config: bytes, project: Project, rows: Rows, pipeline: Pipeline = MEASURED) -> Shown:
    outcome = train_config(config, rows, project, pipeline)
    assert outcome.status == "trained", outcome.error
    store = Store.connect(project)
    version = store.client.get_model_version("penguins", str(outcome.version))
    return Shown(store, rows, store.client.get_run(version.run_id), version)


@pytest.fixture(scope="module")
def place(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Rows]:
    project = copy_project(migrated, tmp_path_factory.mktemp("explained"))
    return project, penguins(project.home)


@pytest.fixture(scope="module")
def boosted(place: tuple[Project, Rows]) -> Iterator[Shown]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain, "_SECONDS", 60)  # all twenty steps, on a busy machine too
        yield shown(BOOSTED, *place)


def test_the_training_process_is_seen_step_by_step(boosted: Shown) -> None:
    learned, tested = (boosted.history(f"training/{part}_accuracy") for part in ("train", "test"))
    assert len(learned) == len(tested) == 20
    assert learned[-1] > learned[0]
    assert tested[-1] == pytest.approx(boosted.run.data.metrics["test_accuracy"])
    losses = boosted.history("training/train_score")
    assert len(losses) == 20
    assert losses[-1] < losses[0]


def test_folds_are_steps_with_mean_and_deviation(boosted: Shown) -> None:
    folds = pd.Series(boosted.history("cv_f1_macro"))
    assert len(folds) == 3
    metrics = boosted.run.data.metrics
    assert metrics["cv_f1_macro_mean"] == pytest.approx(folds.mean())
    assert metrics["cv_f1_macro_std"] == pytest.approx(folds.std(ddof=0))


def test_each_class_has_its_metrics(boosted: Shown) -> None:
    features, target = boosted.rows.part("test")
    version = boosted.store.version("penguins", str(boosted.version.version))
    assert version is not None
    predicted = versions.load(boosted.store, version).estimator.predict(features)
    scores = f1_score(target, predicted, average=None, labels=boosted.rows.classes)
    logged = [boosted.run.data.metrics[f"class_{label}/test_f1"] for label in boosted.rows.classes]
    assert logged == pytest.approx(scores.tolist())


def test_a_metric_names_the_data_that_it_is_of(boosted: Shown) -> None:
    model = boosted.store.client.get_logged_model(boosted.run.outputs.model_outputs[0].model_id)
    of_test = {metric.key: metric.dataset_digest for metric in model.metrics or [] if "test_" in metric.key}
    assert set(of_test.values()) == {boosted.rows.digest}
    assert "test_f1_macro" in of_test


def test_plots_and_tables_are_there(boosted: Shown) -> None:
    assert PLOTS | {"importances.json", "preprocessing.yaml", "made_from", "config"} <= boosted.files
    for plot in PLOTS:
        assert len(set(map(tuple, image.imread(boosted.file(plot)).reshape(-1, 4).tolist()))) > 10
    importances = json.loads(boosted.file("importances.json").read_text())
    assert set(importances) == set(boosted.rows.features)  # words are one column each, as in the table
    assert next(iter(importances)) == "bill_length_mm"


def test_the_card_says_what_it_is_how_good_and_how_to_call_it(boosted: Shown) -> None:
    card = boosted.version.description
    assert len(card) <= 5000
    for words in (
        "GradientBoostingClassifier from `model.yaml`", "| f1_macro (the pipeline's metric) |", "f1_macro on 3 folds",
        "`penguins.csv`", "`Adelie`", "words (island, sex)", "POST /models/penguins/invocations", '"sex": "male"',
        "## Limits",
    ):  # fmt: skip
        assert words in card
    assert boosted.store.client.get_registered_model("penguins").description == "Which species a penguin is of"


def test_the_run_names_where_it_came_from(place: tuple[Project, Rows], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://localhost:8080/")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "penguins_train")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "asset__1+0")
    found = shown(b"class: GaussianNB\n", *place, replace(MEASURED, digest="abc"))
    tags = found.run.data.tags
    assert tags["spec_digest"] == "abc"
    assert tags["airflow_link"] == "http://localhost:8080/dags/penguins_train/runs/asset__1%2B0"


def test_a_search_shows_what_it_tried_and_a_network_its_loss(place: tuple[Project, Rows]) -> None:
    search = (
        b"class: GridSearchCV\nparams: {estimator: {class: DecisionTreeClassifier}, param_grid: {max_depth: [1, 3]}}"
    )
    table = pd.read_csv(shown(search, *place).file("search.csv"))
    assert table["rank_test_score"].tolist() == [1, 2]
    assert set(table["param_max_depth"]) == {1, 3}
    network = shown(b"class: MLPClassifier\nparams: {max_iter: 7}\n", *place)
    losses = network.history("training/loss")
    assert len(losses) == 7
    assert "ConvergenceWarning" in network.version.description


def test_minimal_is_what_promotion_needs(place: tuple[Project, Rows]) -> None:
    minimal = replace(PENGUINS, train=replace(PENGUINS.train, log="minimal"))
    found = shown(b"class: DecisionTreeClassifier\n", *place, minimal)
    assert not PLOTS & found.files
    assert not [name for name in found.run.data.metrics if name.startswith(("class_", "training/", "cv_"))]
    assert found.run.data.metrics["test_f1_macro"] > 0.5
