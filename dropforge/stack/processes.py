"""Processes of a stack: found by the token in their environment, and ended without leaving any behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from dropforge.stack.parts import Part

TOKEN, PART = "DROPFORGE_STACK", "DROPFORGE_PART"


def start(part: Part, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own, with its output in ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            part.command,
            env={**environment, PART: part.name},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def belonging(token: str, part: str | None = None) -> list[psutil.Process]:
    """Return the live processes of a stack (or of one part), whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        if environment.get(TOKEN) == token and part in (None, environment.get(PART)) and process.pid != os.getpid():
            found.append(process)
    return found


def end(processes: Iterable[psutil.Process], patience: float) -> None:
    """Ask processes to end, and after ``patience`` seconds end them."""
    living = list(processes)
    _signal(living, signal.SIGTERM)
    _, living = psutil.wait_procs(living, timeout=patience)
    _signal(living, signal.SIGKILL)
    psutil.wait_procs(living, timeout=5)


def end_all(token: str, patience: float = 0.0) -> None:
    """End every process of a stack, also those that are born while it ends."""
    deadline = time.monotonic() + 10
    while (living := belonging(token)) and time.monotonic() < deadline:
        end(living, patience)
        patience = 0.0


def is_running(pid: int, created: float) -> bool:
    """Return whether the process that was recorded still lives, and is not another one with its number."""
    try:
        return (
            abs(psutil.Process(pid).create_time() - created) < 1
            and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
