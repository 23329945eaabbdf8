"""Train candidates: each in a process of its own, so that one can be stopped without harm to the others."""

from __future__ import annotations

import concurrent.futures
import ctypes
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import pebble
from filelock import FileLock

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
        outcome = _within(pipeline.train.timeout_seconds, work)
    except TimeoutError:
        limit = f"{pipeline.train.timeout_seconds:g} s (train.timeout_seconds)"
        outcome = _failed(candidate, UserError(Problem(
            f"training took longer than {limit} and was stopped",
            "Make the model smaller, or raise the limit in the spec.", candidate.config_file)))  # fmt: skip
    except pebble.ProcessExpired as error:
        outcome = _failed(candidate, UserError(Problem(
            f"the training process ended by itself (exit code {error.exitcode})",
            "It may have run out of memory: make the model smaller.", candidate.config_file)))  # fmt: skip
    return Outcome(**{**vars(outcome), "seconds": round(time.perf_counter() - started, 3)})


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
        "model_name": candidate.name,
        "drop": drop,
    }
    store = Store.connect(project)
    locks = project.state / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    # Two runs may hold the same candidate: the second waits here, and then finds the first one's version.
    with FileLock(locks / f"{pipeline.name}-{key}.lock"):
        same = {"drop": drop} if candidate.force and drop else {"config_digest": key}
        if not (candidate.force and not drop) and (known := store.find(pipeline.name, same)):
            return _outcome("known", candidate, known.version, store.metrics(known))
        try:
            fitted = fit(build(candidate.estimator, pipeline.data.split.seed), rows, candidate.config_file)
            evaluation = evaluate(fitted.estimator, rows, pipeline.promote.metric, candidate.config_file)
        except UserError as error:
            return _failed(candidate, error)
        origin = Origin(candidate.name, tags, candidate.config_file, config)
        version = log(store, pipeline.name, origin, rows, fitted, evaluation)
    return _outcome("trained", candidate, version, evaluation.metrics)


def _outcome(
    status: Literal["trained", "known"], candidate: Candidate, version: str, metrics: dict[str, float]
) -> Outcome:
    return Outcome(status, candidate.label, candidate.estimator.path, version, metrics)


def _failed(candidate: Candidate, error: UserError) -> Outcome:
    return Outcome("failed", candidate.label, candidate.estimator.path, error=str(error))


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Run ``work`` in a forked process, and stop it after ``seconds``.

    A fork inherits the imported libraries and the data; it ends with its parent.
    """

    # pebble reads `context`; its type hints say `mp_context`.
    @pebble.concurrent.process(  # type: ignore[call-overload]
        timeout=seconds, context=multiprocessing.get_context("fork"), daemon=False
    )
    def bound() -> T:
        _end_with_parent()
        # The limit comes as SIGTERM: as an exception it lets an MLflow run that has begun end as FAILED.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        return work()

    future: concurrent.futures.Future[T] = bound()
    return future.result()


def _end_with_parent() -> None:
    """Have the kernel end this process when its parent dies (Linux; elsewhere a lost fit runs to its limit)."""
    if sys.platform == "linux":
        pr_set_pdeathsig: Any = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
