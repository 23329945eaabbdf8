"""The leaderboard: the best versions beside each other, as a table and a plot in MLflow, each time some were trained.

Every train run that made versions has a run in the experiment ``<pipeline>-leaderboard``; its description is the table.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mlflow.entities import Metric
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from dropforge.documents.markdown import code
from dropforge.registry import Store
from dropforge.registry.compare import Standing, leaders
from dropforge.settings import Pipeline
from dropforge.training.figures import draw_leaderboard

SHOWN = 20
_LONGEST = 60  # characters of a config's name in the description, which MLflow limits
_HEADS = ("rank", "version", "estimator", "config", "test", "holdout", "status", "stage", "remark")


def save(store: Store, pipeline: Pipeline, trained: Collection[str], train_run: str) -> str:
    """Compare the best versions, save that in MLflow, and return the id of its run there.

    Parameters
    ----------
    store : Store
        MLflow.
    pipeline : Pipeline
        The settings.
    trained : collection of str
        The versions that the train run made.
    train_run : str
        Names the train run. Where it is saved again, the same run in MLflow gets the state of now.
    """
    name, metric = pipeline.name, pipeline.promote.metric
    entries = leaders(store, name, pipeline.promote, SHOWN)
    experiment, described = f"{name}-leaderboard", {"mlflow.note.content": "\n".join(_text(entries, trained, metric))}
    store.end_open_runs(experiment)  # of tasks that were killed, or while MLflow was away
    run = store.tagged_run(experiment, "train_run", train_run)
    if run:
        store.client.set_tag(run.info.run_id, *described.popitem())
    else:
        tags = {**described, "train_run": train_run, "mlflow.source.name": "dropforge", "mlflow.source.type": "JOB"}
        run = store.create_run(experiment, tags, train_run)
    with tempfile.TemporaryDirectory(prefix="dropforge-") as folder:
        _write_table(entries, trained, Path(folder, "leaderboard.csv"))
        title = f"The best versions of {name} by {metric}"
        draw_leaderboard(entries, trained, title, Path(folder, "leaderboard.png"))
        get_artifact_repository(run.info.artifact_uri).log_artifacts(folder)
    # Beside those of the runs before, they show how far the pipeline has come.
    values = {f"best_test_{metric}": entry.test for entry in entries[:1]}
    values |= {f"champion_holdout_{metric}": entry.holdout for entry in entries if entry.champion}
    now = int(time.time() * 1000)
    found = [Metric(key, value, now, 0) for key, value in values.items() if value is not None]
    store.client.log_batch(run.info.run_id, metrics=found)
    store.client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def _text(entries: Sequence[Standing], trained: Collection[str], metric: str) -> Iterator[str]:
    """Return the table as Markdown, for MLflow's page of the run."""
    yield f"The best {len(entries)} versions by `{metric}` on the test rows; the holdout rows decide who is champion.\n"
    yield f"| {' | '.join(_HEADS)} |"
    yield "|---" * len(_HEADS) + "|"
    for rank, entry in enumerate(entries, 1):
        file = entry.config if len(entry.config) <= _LONGEST else f"{entry.config[: _LONGEST - 3]}..."
        cells = [str(rank), entry.version, entry.name, code(file), _number(entry.test), _number(entry.holdout)]
        cells += [entry.status, entry.stage, _remark(entry, trained)]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _write_table(entries: Sequence[Standing], trained: Collection[str], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(_HEADS)
        for rank, entry in enumerate(entries, 1):
            values = (entry.estimator, entry.config, entry.test, entry.holdout, entry.status, entry.stage)
            table.writerow([rank, entry.version, *values, _remark(entry, trained)])


def _remark(entry: Standing, trained: Collection[str]) -> str:
    return ", ".join(["champion"] * entry.champion + ["new"] * (entry.version in trained))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
