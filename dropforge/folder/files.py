"""What arrives in a watch folder under a config's name, and which of it has arrived whole."""

from __future__ import annotations

import contextlib
import functools
import operator
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".json", ".yaml", ".yml")
SETTLE_SECONDS = 0.3
EMPTY_SECONDS = 30.0
_MOUNTS = Path("/proc/self/mountinfo")
_FROM_SERVERS = ("9p", "ceph", "cifs", "nfs", "nfs4", "smb3")


@dataclass(frozen=True)
class Arrival:
    """What lies in a watch folder under a config's name: a file, or something that is none.

    Parameters
    ----------
    path : pathlib.Path
        Where it lies.
    changed : int
        When it was last changed, in nanoseconds: what is written to gets another time.
    is_closed : bool
        Whether nobody holds it open for writing.
    is_whole : bool
        Whether it has also been left alone for long enough.
    """

    path: Path
    changed: int
    is_closed: bool
    is_whole: bool


def arrivals(folder: Path) -> list[Arrival]:
    """Return what has a config's name in ``folder``, oldest first.

    Folders, links and pipes of such a name are among them: somebody has to say that they are no configs.
    """
    found = []
    for entry in os.scandir(folder):
        if is_config_name(entry.name):
            with contextlib.suppress(FileNotFoundError):  # taken back since
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime_ns, entry.path, arrival_of(Path(entry.path), status)))
    return [arrival for _, _, arrival in sorted(found, key=operator.itemgetter(0, 1))]


def arrival_of(path: Path, status: os.stat_result) -> Arrival:
    """Return how far something has arrived.

    It is whole when it has not changed for ``SETTLE_SECONDS`` and no process holds it open for writing (Linux tells;
    elsewhere the time alone decides). An empty file waits longer: its writer may be slow to begin.
    """
    is_closed = is_quiet(status, 0.0) and not (stat.S_ISREG(status.st_mode) and _is_being_written(path))
    return Arrival(path, status.st_ctime_ns, is_closed, is_closed and is_quiet(status))


def is_config_name(name: str) -> bool:
    """Return whether a name is a config's: the right suffix, and no temporary file of an editor or upload."""
    return name.lower().endswith(SUFFIXES) and not name.startswith((".", "~"))


def is_quiet(status: os.stat_result, settle: float = SETTLE_SECONDS) -> bool:
    """Return whether something has not changed for ``settle`` seconds; an empty file and a folder are given more."""
    return _age(status) >= (EMPTY_SECONDS if _may_be_begun(status) else settle)


def unsettled(folder: Path) -> float:
    """Return the seconds until all that came is whole, if nobody goes on writing.

    What is just begun does not count, nor does what another machine's clock puts into the future.
    """
    seconds = 0.0
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):  # taken back since
            if is_config_name(entry.name) and not _may_be_begun(status := entry.stat(follow_symlinks=False)):
                left = SETTLE_SECONDS - _age(status)
                seconds = max(seconds, left if left <= SETTLE_SECONDS else 0.0)
    return seconds


def _age(status: os.stat_result) -> float:
    # A writer may set the first of these, to a time to come; nobody can set the second.
    return time.time() - min(status.st_mtime, status.st_ctime)


def _may_be_begun(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and not status.st_size)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open something to read, but never what a link leads to, and without waiting for a pipe's other end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def has_writer(descriptor: int) -> bool:
    """Ask the kernel for a read lease, which it refuses while a writer has the file open (fcntl(2))."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        # A writer who comes while we hold the lease makes the kernel send a signal: SIGIO, which would end this
        # process, unless another is asked for.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return _tells_of_writers(os.fstat(descriptor).st_dev)
    except OSError:
        return False  # a file system without leases
    return False


def _is_being_written(path: Path) -> bool:
    try:
        with opened(path) as descriptor:
            return has_writer(descriptor)
    except OSError:
        return False  # what cannot be read is claimed, and explained there


@functools.cache
def _tells_of_writers(device: int) -> bool:
    """Return whether a refused lease says that somebody writes: file servers refuse them for reasons of their own."""
    number = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _MOUNTS.read_text().splitlines():  # proc_pid_mountinfo(5)
            fields = line.split()
            if fields[2] == number:
                return fields[fields.index("-") + 1] not in _FROM_SERVERS
    return True
