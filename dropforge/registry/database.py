"""The embedded MLflow database: made whole, or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from dropforge.project import Project


def upgrade(url: str) -> None:
    """Have MLflow make its tables: in a process of its own, so that no open connection passes into a later fork.

    Raises
    ------
    RuntimeError
        If it cannot.
    """
    # What `mlflow db upgrade` runs; the whole command line of MLflow takes another second to import.
    command = [sys.executable, "-c", "from mlflow.db import commands; commands()", "upgrade", url]
    made = subprocess.run(  # noqa: S603 - our own interpreter
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise RuntimeError(f"MLflow could not make its tables:\n{made.stderr}")


def make_database(project: Project, upgrade: Callable[[str], None] = upgrade) -> None:
    """Make the embedded MLflow database with its tables, unless it is there.

    MLflow makes its tables in place, in a hundred steps: of two processes that begin at once neither gets through,
    and a crash or a full disk on the way leaves a file that no MLflow opens again. So they are made aside, by one
    process at a time. The mode (write-ahead log) lets readers and a writer in at once.

    Parameters
    ----------
    project : Project
        The project.
    upgrade : callable, optional
        Makes the tables of a database, given its address.

    Raises
    ------
    OSError
        If the disk refuses.
    RuntimeError
        If MLflow fails otherwise.
    """
    if project.database.exists():
        return
    project.state.mkdir(parents=True, exist_ok=True)
    with FileLock(project.state / "database.lock"), tempfile.TemporaryDirectory(dir=project.state) as folder:
        if project.database.exists():
            return
        draft = Path(folder) / "mlflow.db"
        upgrade(f"sqlite:///{draft}")
        with contextlib.closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        draft.replace(project.database)
