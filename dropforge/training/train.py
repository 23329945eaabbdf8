"""Train candidates apart from the process that asks, so that one can be stopped without harm to the others."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import replace
from typing import Literal

import joblib
from mlflow.exceptions import MlflowException

# Imported before the fork: what is inherited is loaded once, and counts against no candidate's memory.
from dropforge.configs import Candidate
from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import build
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.settings import Pipeline
from dropforge.training import evaluate, fit, log
from dropforge.training.apart import Apart, StoppedError, time_limit
from dropforge.training.cross import cross_validate
from dropforge.training.links import links
from dropforge.training.outcome import Outcome, failed, why_stopped
from dropforge.training.prepare import prepare
from dropforge.training.threads import limit_threads


class Trainer:
    """Trains candidates of a pipeline, one after the other, each within its limits; use it in a ``with`` block.

    Parameters
    ----------
    pipeline : Pipeline
        The settings.
    rows : Rows
        The pipeline's data.
    project : Project
        Where state is kept and MLflow answers.
    threads : int, optional
        How many a fit may use; all the cores' by default.
    """

    def __init__(self, pipeline: Pipeline, rows: Rows, project: Project, threads: int | None = None) -> None:
        self.pipeline = pipeline
        work = functools.partial(_train_once, pipeline, rows, project, threads or joblib.cpu_count())
        self._apart = Apart(work, pipeline.train.memory_mb)

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *error: object) -> None:
        self._apart.__exit__(*error)

    def train(self, candidate: Candidate, config: bytes, drop: str = "") -> Outcome:
        """Train, log and register one candidate, once.

        Parameters
        ----------
        candidate : Candidate
            What to train.
        config : bytes
            The config as it was dropped, for the record.
        drop : str
            Names this drop: a forced candidate is trained once for each.

        Returns
        -------
        Outcome
            A failure of the candidate is an outcome too; the infrastructure's errors are raised.
        """
        started = time.perf_counter()
        try:
            outcome = self._apart.run(candidate, config, drop)
        except StoppedError as error:
            outcome = failed(candidate, UserError(why_stopped(error, self.pipeline, candidate.config_file)))
        return replace(outcome, seconds=round(time.perf_counter() - started, 3))


def _train_once(
    pipeline: Pipeline, rows: Rows, project: Project, threads: int, candidate: Candidate, config: bytes, drop: str
) -> Outcome:
    try:
        prepared = prepare(candidate.estimator, pipeline.data, rows)
    except UserError as error:
        return failed(candidate, error)
    origin = log.Origin.of(candidate, config, pipeline, rows, prepared, drop)
    key = origin.tags["config_digest"]
    store = _store(project, os.getpid())
    # Two runs may hold the same candidate: the second waits here, and then finds the first one's version.
    with store.exclusive(f"{pipeline.name}-{key}"):
        store.end_lost_runs(pipeline.name, key)
        same = {"drop": drop} if candidate.force and drop else {"config_digest": key}
        if not (candidate.force and not drop) and (known := store.find(pipeline.name, same)):
            # A task that is tried again, or cleared, finds what its own drop became: to people that is no repetition.
            status: Literal["trained", "known"] = "trained" if drop and known.tags.get("drop") == drop else "known"
            found = Outcome(status, candidate.label, candidate.estimator.path, known.version, known.run_id)
            return replace(found, metrics=store.metrics(known))
        try:
            estimator = build(prepared.tree, pipeline.data.split.seed)
            # Waiting for MLflow is not the candidate's fault, so only this is timed.
            with time_limit(pipeline.train.timeout_seconds), limit_threads(estimator, threads):
                fitted = fit.fit(estimator, rows, candidate.config_file)
                evaluation = evaluate.evaluate(estimator, rows, pipeline.promote.metric, candidate.config_file)
                folds = cross_validate(prepared.tree, rows, pipeline, candidate.config_file)
                evaluation = replace(evaluation, folds=folds)
            origin = replace(origin, links=links(project.home, pipeline))
            logged = log.log(store, pipeline, origin, rows, fitted, evaluation)
        except UserError as error:
            return failed(candidate, error)
        except MlflowException as error:
            if not store.refuses(error, pipeline.name):
                raise
            message = f"MLflow refuses what there is to be logged of it: {error}"
            remedy = "Choose another estimator, other parameters or fewer columns."
            return failed(candidate, UserError(Problem(message, remedy, candidate.config_file)))
    return Outcome(
        "trained",
        candidate.label,
        candidate.estimator.path,
        logged.version,
        logged.run_id,
        logged.experiment_id,
        evaluation.metrics,
    )


@functools.cache
def _store(project: Project, process: int) -> Store:
    """Return the connection of this process: one for all its candidates, and none that a fork inherits."""
    return Store.connect(project)
