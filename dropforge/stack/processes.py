"""Processes of a stack: each part is a session of its own, and is ended with all that it started.

The session tells who belongs to a part, whoever the parent is by now. The environment does not: programs that
write their own title (Airflow's workers) overwrite it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from dropforge.project import is_alive


@dataclass(frozen=True)
class Session:
    """A process that leads a session: its number, and when it was started."""

    pid: int
    created: float

    @property
    def alive(self) -> bool:
        """Whether the leader lives."""
        return is_alive(self.pid, self.created)


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[subprocess.Popen[bytes], Session]:
    """Start a command in a session of its own, with its output in ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    return process, Session(process.pid, psutil.Process(process.pid).create_time())


def end(session: Session, patience: float) -> None:
    """End a session: its leader may end its own children for ``patience`` seconds, then all of it is ended."""
    members = _members(session)
    leader = [process for process in members if process.pid == session.pid]
    _signal(leader, signal.SIGTERM)
    psutil.wait_procs(leader, timeout=patience)
    # What is born while the others end is caught by the next look; a killed process starts nothing.
    for _ in range(10):
        if not (members := _members(session)):
            return
        _signal(members, signal.SIGKILL)
        psutil.wait_procs(members, timeout=2)


def _members(session: Session) -> list[psutil.Process]:
    if session.created < psutil.boot_time():
        return []
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session.pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            continue
    # The number may have gone to another leader since: then its session is not ours.
    stolen = any(p.pid == session.pid and abs(p.create_time() - session.created) >= 1 for p in found)
    return [] if stolen else found


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
