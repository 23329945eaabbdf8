"""Peak memory of several processes: the sum of their proportional set sizes, so that what they share counts once."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

EVERY_SECONDS = 1.0


@dataclass
class Peak:
    """The most that was seen, in MiB."""

    mib: float = 0.0


@contextlib.contextmanager
def peak(pids: Callable[[], Iterable[int]]) -> Iterator[Peak]:
    """Look at processes every second while the block runs.

    Parameters
    ----------
    pids : callable
        Gives the processes' numbers as they are now.
    """
    seen, done = Peak(), threading.Event()

    def watch() -> None:
        while True:
            seen.mib = max(seen.mib, sum(map(_mib, pids())))
            if done.wait(EVERY_SECONDS):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def session(leader: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):  # gone since
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


def children() -> list[int]:
    """Return the processes that this one started, and theirs, in its own session: joblib's workers."""
    mine = set(session(os.getsid(0)))
    return [process.pid for process in psutil.Process().children(recursive=True) if process.pid in mine]


def _mib(pid: int) -> float:
    try:
        return psutil.Process(pid).memory_full_info().pss / 2**20
    except psutil.Error:  # gone since
        return 0.0
