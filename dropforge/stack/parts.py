"""The parts of the stack: how each is started, and how one sees that it is ready."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from dropforge.documents import UserError, check_disk
from dropforge.project import Project
from dropforge.stack.ports import Addresses


@dataclass(frozen=True)
class Part:
    """One supervised process.

    Parameters
    ----------
    name : str
        How it is called in messages and logs.
    command : tuple of str
        What is run.
    ready : callable
        Whether it does its work.
    needs_tables : bool
        Whether it is one of Airflow's, which want their tables made first.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    needs_tables: bool = True


# Each is a process of 270 MB that takes seconds of a core to start. On two cores one is enough: it answers some hundred
# requests a second, of which a small candidate asks ten.
MLFLOW_WORKERS = str(max(1, min(4, (os.cpu_count() or 1) // 2)))

HEALTH_SECONDS = 0.5

_AIRFLOW = (sys.executable, "-m", "dropforge.stack.warm")

# Run to its end before the parts are started.
MIGRATION = Part("migration", (*_AIRFLOW, "db", "migrate"), lambda: True)


class Looks:
    """Looks at parts that start: cheap ones, as they take what time there is from the parts themselves.

    One client for all of them: each new one reads the certificates of all authorities anew. And the state of Airflow's
    three jobs is one question.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._client = httpx.Client(timeout=2)
        self._health = f"{addresses.airflow}/api/v2/monitor/health"
        self._known: Mapping[str, Any] = {}
        self._asked = 0.0

    def answers(self, url: str) -> bool:
        """Return whether something answers there."""
        try:
            return self._client.get(url).is_success
        except httpx.HTTPError:
            return False

    def healthy(self, job: str) -> bool:
        """Return whether one of Airflow's jobs is at work, as the API server knew half a second ago at most."""
        if time.monotonic() - self._asked > HEALTH_SECONDS:
            try:
                self._known = self._client.get(self._health).json()
            except (httpx.HTTPError, ValueError):
                self._known = {}
            self._asked = time.monotonic()
        return self._known.get(job, {}).get("status") == "healthy"


def parts(project: Project, addresses: Addresses) -> tuple[Part, ...]:
    """Return the parts of a project's stack, in the order in which they are started."""
    python = sys.executable
    looks = Looks(addresses)
    host, ports = addresses.host, {name: str(port) for name, port in addresses.ports.items()}
    return (
        Part(
            "mlflow",
            (python, "-m", "dropforge.stack.tracking", str(project.home), "--host", host, "--port", ports["mlflow"],
             "--workers", MLFLOW_WORKERS),
            lambda: looks.answers(f"{addresses.mlflow}/health"),
            needs_tables=False,
        ),
        Part(
            "server",
            (python, "-m", "dropforge.cli.main", "serve", "--host", host, "--port", ports["server"],
             "--spec", str(project.home / "pipelines.yaml")),
            lambda: looks.answers(f"{addresses.server}/health"),
            needs_tables=False,
        ),
        Part(
            "api-server",
            (*_AIRFLOW, "api-server", "--host", host, "--port", ports["airflow"], "--workers", "1"),
            lambda: looks.answers(f"{addresses.airflow}/api/v2/version"),
        ),
        # Their log servers would listen on every address; the API server reads the log files itself.
        Part("scheduler", (*_AIRFLOW, "scheduler", "--skip-serve-logs"), lambda: looks.healthy("scheduler")),
        Part("dag-processor", (*_AIRFLOW, "dag-processor"), lambda: looks.healthy("dag_processor")),
        Part("triggerer", (*_AIRFLOW, "triggerer", "--skip-serve-logs"), lambda: looks.healthy("triggerer")),
    )  # fmt: skip


def prepare(project: Project) -> None:
    """See that the folder in which all parts write takes a file; each part would say it in words of its own.

    Raises
    ------
    UserError
        If the disk is full, read-only or closed to us.
    """
    project.state.mkdir(parents=True, exist_ok=True)
    if problem := check_disk(project.state):
        raise UserError(problem)
