"""A pipeline's resolved settings, as the generated DAG carries them to its tasks.

``generator.spec`` makes them from pipelines.yaml; they travel as one JSON string and are the only thing that
a task knows of the spec.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

# A text table, as it is or compressed; a .parquet file; a folder of such files.
TABLE = re.compile(r"\.(csv|tsv|txt)(\.(gz|bz2|xz|zip|zst))?$|\.parquet$|/$", re.IGNORECASE)
Notifiers = dict[str, dict[str, Any]]  # class path of a notifier of Airflow's to its keyword arguments


@dataclass(frozen=True)
class Split:
    """Shares of the rows kept for ``test`` and ``holdout`` (0 to 1), the seed that they depend on, and how it is done.

    ``method`` is ``hash`` (of the row, or of its ``group``) or ``random``; with a ``time`` the latest rows are kept.
    """

    test: float
    holdout: float
    seed: int
    method: Literal["hash", "random"] = "hash"
    group: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class Features:
    """The columns to learn from: those named in ``include``, or all but those in ``exclude``."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Csv:
    """How a text table is written: its separator, decimal separator and encoding; None is detected."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Data:
    """Where the rows come from, what is predicted from which columns, and what is done to them before a model.

    ``id`` is the column that identifies a row (or None).
    """

    source: str
    target: str
    id: str | None
    split: Split
    features: Features = Features()
    preprocess: Literal["auto", "none"] = "auto"
    csv: Csv = Csv()


@dataclass(frozen=True)
class Train:
    """The watch folder, the class paths that are allowed and denied, and the limits of one candidate and of a grid.

    ``cv`` is how many folds of the training rows a candidate is measured on (0: none); ``log`` how much MLflow shows.
    """

    watch: str
    estimators: tuple[str, ...]
    deny: tuple[str, ...]
    timeout_seconds: float
    memory_mb: float
    max_grid: int = 100
    cv: int = 0
    log: Literal["full", "minimal"] = "full"


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a guard's value may be; None for no limit."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Slices:
    """The column whose values split the holdout rows, and the least value of the metric on each slice."""

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
    """Return whether a source is the path or address of a table, and no loader of scikit-learn."""
    return TABLE.search(source) is not None


def encode(pipeline: Pipeline) -> str:
    """Return the settings as one line of JSON, keys in their order of declaration."""
    return msgspec.json.encode(pipeline).decode()


def decode(text: str) -> Pipeline:
    """Return the settings that :func:`encode` wrote."""
    return msgspec.json.decode(text, type=Pipeline)
