"""Peak memory of several processes: the sum of their proportional set sizes, so that what they share counts once.

To look costs: the kernel walks through all pages of some twenty processes, which takes 0.2 s of a core and holds them
up meanwhile. So what is timed is looked at rarely, or not at all.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

from tests.stack.project import RunningProject


@dataclass
class Peak:
    """The most that was seen, in MiB."""

    mib: float = 0.0


@contextlib.contextmanager
def peak(pids: Callable[[], Iterable[int]], every: float = 1.0) -> Iterator[Peak]:
    """Look at processes again and again while the block runs.

    Parameters
    ----------
    pids : callable
        Gives the processes' numbers as they are now.
    every : float
        Seconds between two looks.
    """
    seen, done = Peak(), threading.Event()

    def watch() -> None:
        while True:
            seen.mib = max(seen.mib, sum(map(_mib, pids())))
            if done.wait(every):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def workers_of(project: RunningProject) -> list[int]:
    """Return Airflow's scheduler, its workers, and all that they started: what belongs to its session."""
    return _session(project.record()["parts"]["scheduler"]["pid"])


def workers_of_joblib() -> list[int]:
    """Return the processes that this one started, and theirs, in its own session; the stack has others."""
    mine = set(_session(os.getsid(0)))
    return [process.pid for process in psutil.Process().children(recursive=True) if process.pid in mine]


def _session(leader: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):  # gone since
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


def _mib(pid: int) -> float:
    try:
        return psutil.Process(pid).memory_full_info().pss / 2**20
    except psutil.Error:  # gone since
        return 0.0
