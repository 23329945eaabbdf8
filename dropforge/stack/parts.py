"""The parts of the stack: how each is started, and how one sees that it is ready."""

from __future__ import annotations

import os
import sys
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

# Run to its end before the parts are started.
MIGRATION = Part("migration", (sys.executable, "-m", "airflow", "db", "migrate"), lambda: True)


def parts(project: Project, addresses: Addresses) -> tuple[Part, ...]:
    """Return the parts of a project's stack, in the order in which they are started."""
    python = sys.executable
    host, ports = addresses.host, {name: str(port) for name, port in addresses.ports.items()}
    airflow = (python, "-m", "airflow")

    def job(name: str) -> Callable[[], bool]:
        return lambda: _json(f"{addresses.airflow}/api/v2/monitor/health").get(name, {}).get("status") == "healthy"

    return (
        Part(
            "mlflow",
            (python, "-m", "dropforge.stack.tracking", str(project.home), "--host", host, "--port", ports["mlflow"],
             "--workers", MLFLOW_WORKERS, "--backend-store-uri", project.mlflow_store,
             "--registry-store-uri", f"dropforge:{project.mlflow_store}",
             "--default-artifact-root", project.artifacts, "--no-serve-artifacts"),
            lambda: _answers(f"{addresses.mlflow}/health"),
            needs_tables=False,
        ),
        Part(
            "server",
            (python, "-m", "dropforge.cli.main", "serve", "--host", host, "--port", ports["server"],
             "--spec", str(project.home / "pipelines.yaml")),
            lambda: _answers(f"{addresses.server}/health"),
            needs_tables=False,
        ),
        Part(
            "api-server",
            (*airflow, "api-server", "--host", host, "--port", ports["airflow"], "--workers", "1"),
            lambda: _answers(f"{addresses.airflow}/api/v2/version"),
        ),
        # Their log servers would listen on every address; the API server reads the log files itself.
        Part("scheduler", (*airflow, "scheduler", "--skip-serve-logs"), job("scheduler")),
        Part("dag-processor", (python, "-m", "dropforge.stack.processor"), job("dag_processor")),
        Part("triggerer", (*airflow, "triggerer", "--skip-serve-logs"), job("triggerer")),
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


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _json(url: str) -> Mapping[str, Any]:
    try:
        return httpx.get(url, timeout=2).json()
    except (httpx.HTTPError, ValueError):
        return {}
