"""The leaderboard in MLflow: the best versions, on a real store."""

from __future__ import annotations

import csv
from pathlib import Path

import mlflow
import pytest
from matplotlib import image

from dropforge.registry import Store
from dropforge.registry.compare import leaders
from dropforge.training.leaderboard import save
from tests.dropforge.wine import WINE, crown, promoting, version_of


def files_of(store: Store, run_id: str) -> Path:
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, tracking_uri=store.uri))


def test_the_best_come_first_with_the_champion_and_what_is_new(store: Store) -> None:
    store.tag(crown(store, 3), {"holdout_f1_macro": "0.75", "validation_status": "passed"})
    run_id = save(store, WINE, ["2"], "asset_triggered__1")
    run = store.client.get_run(run_id)
    with (files_of(store, run_id) / "leaderboard.csv").open() as opened:
        table = list(csv.DictReader(opened))
    tested = {n: store.metrics(version_of(store, n))["test_f1_macro"] for n in (1, 2, 3)}
    assert [int(row["version"]) for row in table] == sorted(tested, key=lambda n: -tested[n])
    assert [row["rank"] for row in table] == ["1", "2", "3"]
    by_version = {row["version"]: row for row in table}
    assert {n: float(by_version[str(n)]["test"]) for n in tested} == tested
    assert (by_version["3"]["remark"], by_version["3"]["holdout"], by_version["3"]["stage"]) == (
        "champion",
        "0.75",
        "Production",
    )
    assert (by_version["2"]["remark"], by_version["2"]["holdout"]) == ("new", "")
    assert by_version["1"]["estimator"] == "sklearn.tree.DecisionTreeClassifier"
    assert image.imread(files_of(store, run_id) / "leaderboard.png").shape[1] == 720
    note = run.data.tags["mlflow.note.content"]
    assert "| 3 | RandomForestClassifier | `forest.yaml` |" in note
    assert "| 0.7500 | passed | Production | champion |" in note
    assert run.data.metrics == {"best_test_f1_macro": max(tested.values()), "champion_holdout_f1_macro": 0.75}
    assert run.info.status == "FINISHED"


def test_one_that_was_interrupted_is_ended_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dropforge.training.leaderboard.draw_leaderboard", die)
        with pytest.raises(KeyboardInterrupt):
            save(store, WINE, ["3"], "manual__1")
    save(store, WINE, ["3"], "manual__2")
    experiment = store.client.get_experiment_by_name("wine-leaderboard")
    assert experiment is not None
    found = store.client.search_runs([experiment.experiment_id])
    assert {run.data.tags["train_run"]: run.info.status for run in found} == {
        "manual__1": "KILLED",
        "manual__2": "FINISHED",
    }


def test_a_train_run_has_one_however_often_its_task_runs(store: Store) -> None:
    first = save(store, WINE, ["3"], "manual__1")
    crown(store, 1)
    assert save(store, WINE, ["3"], "manual__1") == first
    assert "champion" in store.client.get_run(first).data.tags["mlflow.note.content"]
    assert save(store, WINE, ["3"], "manual__2") != first


def test_however_many_versions_there_are_few_are_read_and_the_champion_is_among_them(store: Store) -> None:
    crown(store, 1)  # the worst
    found = leaders(store, "wine", WINE.promote, 1)
    assert [(entry.version, entry.champion) for entry in found] == [(found[0].version, False), ("1", True)]
    assert found[0].test == max(store.metrics(version_of(store, n))["test_f1_macro"] for n in (1, 2, 3))
    assert found[1].test == store.metrics(version_of(store, 1))["test_f1_macro"]


def test_a_metric_that_nobody_was_measured_with_leaves_the_champion_without_a_value(store: Store) -> None:
    crown(store, 1)
    pipeline = promoting(metric="jaccard_macro")
    (only,) = leaders(store, "wine", pipeline.promote, 20)
    assert (only.version, only.champion, only.test) == ("1", True, None)
    assert store.client.get_run(save(store, pipeline, [], "manual__1")).data.metrics == {}


@pytest.mark.parametrize("name", ["a|b `c`.yaml", f"{'x' * 250}.yaml"])
def test_the_name_of_a_config_breaks_no_table(name: str, store: Store) -> None:
    store.tag(version_of(store, 1), {"config_file": name})
    note = store.client.get_run(save(store, WINE, [], "manual__1")).data.tags["mlflow.note.content"]
    rows = [line for line in note.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {10}
    assert max(map(len, rows)) < 200
