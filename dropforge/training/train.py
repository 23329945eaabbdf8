"""Train candidates: each in a process of its own, so that one can be stopped without harm to the others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import joblib
import pebble

from dropforge.configs import Candidate, digest
from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import build
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.settings import Pipeline

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate.

    Parameters
    ----------
    status : str
        ``trained``; ``known`` where the same candidate had a version already; ``failed``.
    candidate : str
        Its label.
    cls : str
        Its class path.
    version : str, optional
        The registered version.
    metrics : dict
        Metrics on the test rows.
    seconds : float
        From start to registered.
    error : str
        What went wrong, and what to do.
    """

    status: Literal["trained", "known", "failed"]
    candidate: str
    cls: str
    version: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""


def train(
    candidate: Candidate, config: bytes, pipeline: Pipeline, rows: Rows, project: Project, drop: str = ""
) -> Outcome:
    """Train, log and register one candidate, once.

    Parameters
    ----------
    candidate : Candidate
        What to train.
    config : bytes
        The config as it was dropped, for the record.
    pipeline : Pipeline
        The settings.
    rows : Rows
        The pipeline's data.
    project : Project
        Where state is kept and MLflow answers.
    drop : str
        Names this drop: a forced candidate is trained once for each.

    Returns
    -------
    Outcome
        A failure of the candidate is an outcome too; the infrastructure's errors are raised.
    """
    started = time.perf_counter()

    def work() -> Outcome:
        return _train_once(candidate, config, pipeline, rows, project, drop)

    try:
        outcome = _apart(work)
    except pebble.ProcessExpired as error:
        outcome = _failed(candidate, UserError(_ended(error.exitcode, pipeline, candidate.config_file)))
    return replace(outcome, seconds=round(time.perf_counter() - started, 3))


def _train_once(
    candidate: Candidate, config: bytes, pipeline: Pipeline, rows: Rows, project: Project, drop: str
) -> Outcome:
    from dropforge.training.evaluate import evaluate
    from dropforge.training.fit import fit
    from dropforge.training.log import Origin, log

    key = digest(candidate, rows.digest, pipeline.data.split)
    tags = {
        "estimator": candidate.estimator.path,
        "config_file": candidate.config_file,
        "config_digest": key,
        "data_digest": rows.digest,
        "validation_status": "pending",
        "decision": "pending",
        "drop": drop,
    }
    store = Store.connect(project)
    # Two runs may hold the same candidate: the second waits here, and then finds the first one's version.
    with store.exclusive(f"{pipeline.name}-{key}"):
        store.end_lost_runs(pipeline.name, key)
        same = {"drop": drop} if candidate.force and drop else {"config_digest": key}
        if not (candidate.force and not drop) and (known := store.find(pipeline.name, same)):
            return _outcome("known", candidate, known.version, store.metrics(known))
        try:
            # With threads for `n_jobs`, nothing lives on when this process is ended.
            with _limited(pipeline.train.timeout_seconds), joblib.parallel_config(backend="threading"):
                fitted = fit(build(candidate.estimator, pipeline.data.split.seed), rows, candidate.config_file)
                evaluation = evaluate(fitted.estimator, rows, pipeline.promote.metric, candidate.config_file)
            version = log(store, pipeline, Origin(candidate, tags, config), rows, fitted, evaluation)
        except UserError as error:
            return _failed(candidate, error)
    return _outcome("trained", candidate, version, evaluation.metrics)


def _outcome(
    status: Literal["trained", "known"], candidate: Candidate, version: str, metrics: dict[str, float]
) -> Outcome:
    return Outcome(status, candidate.label, candidate.estimator.path, version, metrics)


def _failed(candidate: Candidate, error: UserError) -> Outcome:
    return Outcome("failed", candidate.label, candidate.estimator.path, error=str(error))


def _apart(work: Callable[[], T]) -> T:
    """Run ``work`` in a forked process: it inherits the imported libraries and the data, and ends with its parent."""

    # pebble reads `context`; its type hints say `mp_context`.
    @pebble.concurrent.process(context=multiprocessing.get_context("fork"), daemon=False)  # type: ignore[call-overload]
    def apart() -> T:
        _end_with_parent()
        # Who ends a task signals its whole group. That is said to the parent; here it would look like a failed fit.
        signal.signal(signal.SIGTERM, lambda *_: None)
        return work()

    future: concurrent.futures.Future[T] = apart()
    return future.result()


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Have the kernel end this process when the block takes longer, even where it never returns to Python.

    Only the fit and its measurement count: waiting for MLflow is not the candidate's fault.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ended(code: int, pipeline: Pipeline, file: str) -> Problem:
    """Return why a training process ended without an outcome."""
    if abs(code) == signal.SIGALRM:
        limit = f"{pipeline.train.timeout_seconds:g} s (train.timeout_seconds)"
        remedy = "Make the model smaller, or raise the limit in the spec."
        return Problem(f"training took longer than {limit} and was stopped", remedy, file)
    remedy = "It may have run out of memory: make the model smaller."
    return Problem(f"the training process ended by itself (exit code {code})", remedy, file)


def _end_with_parent() -> None:
    """Have the kernel end this process when its parent dies (Linux; elsewhere a lost fit runs to its limit)."""
    if sys.platform == "linux":
        pr_set_pdeathsig: Any = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
