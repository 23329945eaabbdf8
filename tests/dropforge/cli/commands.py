"""A project as the commands find it, and what a command did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPEC = """\
version: 1
pipelines:
  wine:
    data: {source: sklearn.datasets.load_wine, target: target, split: {test: 0.2, holdout: 0.2, seed: 42}}
    train: {timeout_seconds: 120}
    promote: {schedule: 1m, metric: f1_macro, minimum: 0.8}
"""
BEER = """\
  beer:
    data: {source: beer.csv, target: style}
    train: {estimators: ["sklearn.tree.*"]}
    promote: {schedule: 1m, metric: accuracy}
"""
CHANGED = SPEC.replace("minimum: 0.8", "minimum: 0.7").replace("schedule: 1m", "schedule: '@hourly'")
BAD = b"class: sklearn.tree.DecisionTreeClassifier\nparams:\n  max_dept: 3\n"


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Result]


def config(content: bytes, name: str = "model.yaml") -> str:
    path = Path("configs/wine") / name
    path.write_bytes(content)
    return str(path)
