"""Where a project keeps its files, and at which addresses its running stack answers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME_VARIABLE = "DROPFORGE_HOME"
TOKEN_VARIABLE = "DROPFORGE_TOKEN"  # noqa: S105 - the name of what holds the model server's token


@dataclass(frozen=True)
class Project:
    """A project: the folder of pipelines.yaml, with its state under ``.dropforge/``."""

    home: Path

    @property
    def state(self) -> Path:
        """Folder of everything that Dropforge itself writes."""
        return self.home / ".dropforge"

    @property
    def dags(self) -> Path:
        """Folder of the generated DAGs."""
        return self.home / "dags_generated"

    @property
    def database(self) -> Path:
        """File of the embedded MLflow database; :mod:`dropforge.registry.database` makes it."""
        return self.state / "mlflow.db"

    @property
    def mlflow_store(self) -> str:
        """Address of the embedded MLflow database."""
        return f"sqlite:///{self.database}?timeout=30"

    @property
    def artifacts(self) -> str:
        """Address of the folder in which the embedded MLflow keeps artifacts."""
        return (self.state / "artifacts").as_uri()

    @property
    def stack_file(self) -> Path:
        """Record of the running stack: processes and addresses."""
        return self.state / "stack.json"

    def log(self, part: str) -> Path:
        """Return the log file of a part of the stack."""
        return self.state / "logs" / f"{part}.log"

    def resolve(self, path: str) -> Path:
        """Return ``path`` of the spec as an absolute path."""
        return self.home / path

    def address(self, part: str) -> str | None:
        """Return where a part of the running stack (``airflow``, ``mlflow``, ``server``) answers, or None.

        The environment wins (``MLFLOW_TRACKING_URI``, ``DROPFORGE_SERVER``), so that the same tasks run on
        services that are not ours.
        """
        variable = {"mlflow": "MLFLOW_TRACKING_URI", "server": "DROPFORGE_SERVER"}.get(part)
        if variable and os.environ.get(variable):
            return os.environ[variable]
        record = self.stack_record()
        return record["addresses"].get(part) if record and is_alive(record["pid"], record["created"]) else None

    def stack_record(self) -> dict[str, Any]:
        """Return what the running stack wrote about itself; empty when none runs."""
        try:
            return json.loads(self.stack_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}


def is_alive(pid: int, created: float) -> bool:
    """Return whether a process lives; another one that got its number since is not it."""
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
