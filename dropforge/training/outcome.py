"""What becomes of a candidate that is trained, and why its process was stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dropforge.configs import Candidate
from dropforge.documents import Problem, UserError
from dropforge.settings import Pipeline
from dropforge.training.apart import StoppedError


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate.

    Parameters
    ----------
    status : str
        ``trained``; ``known`` where the same candidate had a version of another drop already; ``failed``.
    candidate : str
        Its label.
    cls : str
        Its class path.
    version : str, optional
        The registered version.
    run_id, experiment_id : str, optional
        Its run in MLflow, and where that is; a version that was known before does not say the latter.
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
    run_id: str | None = None
    experiment_id: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""


def failed(candidate: Candidate, error: UserError) -> Outcome:
    """Return that a candidate could not be trained."""
    return Outcome("failed", candidate.label, candidate.estimator.path, error=str(error))


def why_stopped(error: StoppedError, pipeline: Pipeline, file: str) -> Problem:
    """Return why a training process ended without an outcome."""
    limits = pipeline.train
    smaller = "Make the model smaller, or raise the limit in the spec."
    if error.why == "memory":
        limit = f"{limits.memory_mb:g} MB of memory (train.memory_mb)"
        return Problem(f"training took more than {limit} and was stopped", smaller, file)
    if error.why == "time":
        limit = f"{limits.timeout_seconds:g} s (train.timeout_seconds)"
        return Problem(f"training took longer than {limit} and was stopped", smaller, file)
    if error.why == "killed":
        remedy = "Make the model smaller, or lower train.memory_mb in the spec, and drop the config again."
        message = "the training process was killed: probably the machine ran out of memory"
        return Problem(message, remedy, file)
    message = f"the training process ended by itself (exit code {error.code})"
    return Problem(message, "A library crashed in it: try other parameters.", file)
