"""A pipeline's resolved settings, as the generated DAG carries them to its tasks.

``generator.spec`` makes them from pipelines.yaml; they travel as one JSON string and are the only thing that
a task knows of the spec.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

FILES = (".csv", ".parquet")  # what ends so is a file, whatever it begins with; else it is a loader of scikit-learn
Notifiers = dict[str, dict[str, Any]]  # class path of a notifier of Airflow's to its keyword arguments


@dataclass(frozen=True)
class Split:
    """Shares of the rows kept for ``test`` and ``holdout`` (0 to 1), and the seed that they hang on."""

    test: float
    holdout: float
    seed: int


@dataclass(frozen=True)
class Data:
    """Where the rows come from, the column to predict, and the column that identifies a row (or None)."""

    source: str
    target: str
    id: str | None
    split: Split


@dataclass(frozen=True)
class Train:
    """The watch folder, the class paths that are allowed and denied, and the limits of one candidate and of a grid."""

    watch: str
    estimators: tuple[str, ...]
    deny: tuple[str, ...]
    timeout_seconds: float
    memory_mb: float
    max_grid: int = 100


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a guard's value may be; None for no limit."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Slices:
    """The column whose values part the holdout rows, and the least value of the metric on each part."""

    by: str
    minimum: float


@dataclass(frozen=True)
class Promote:
    """When a version is considered, what it must hold to, and which stage and alias the champion gets."""

    schedule: str
    timezone: str
    on_new_version: bool
    metric: str
    minimum: float | None
    min_improvement: float
    stage: str
    alias: str
    guards: dict[str, Bounds] = field(default_factory=dict, hash=False)
    slices: Slices | None = None
    confidence: float | None = None
    approval: str = "none"
    approval_timeout: str = "7d"


@dataclass(frozen=True)
class Host:
    """Whether the model server serves this pipeline's champion."""

    enabled: bool


@dataclass(frozen=True)
class Airflow:
    """How Airflow shows the pipeline's DAGs, runs and repeats their tasks, and who is told what became of them."""

    owner: str = "dropforge"
    tags: tuple[str, ...] = ()
    retries: int = 8
    retry_delay_seconds: float = 2.0
    pool: str = "default_pool"
    queue: str | None = None
    on_failure: Notifiers = field(default_factory=dict, hash=False)
    on_promotion: Notifiers = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of the spec; ``digest`` names the state of its settings."""

    name: str
    description: str
    data: Data
    train: Train
    promote: Promote
    host: Host
    airflow: Airflow = Airflow()
    digest: str = ""


def is_file(source: str) -> bool:
    """Return whether a source is the path of a file, and no loader of scikit-learn."""
    return source.lower().endswith(FILES)


def encode(pipeline: Pipeline) -> str:
    """Return the settings as one line of JSON, keys in their order of declaration."""
    return msgspec.json.encode(pipeline).decode()


def decode(text: str) -> Pipeline:
    """Return the settings that :func:`encode` wrote."""
    return msgspec.json.decode(text, type=Pipeline)
