"""What arrives in a watch folder under a config's name, and which of it has arrived whole."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".json", ".yaml", ".yml")
SETTLE_SECONDS = 0.3
EMPTY_SECONDS = 30.0


def arrived(folder: Path, settle: float = SETTLE_SECONDS) -> list[Path]:
    """Return what is whole in ``folder`` and has a config's name, oldest first.

    Folders, links and pipes of such a name are among them: somebody has to say that they are no configs.
    """
    found = []
    for entry in os.scandir(folder):
        path = Path(entry.path)
        if is_config_name(entry.name) and is_whole(path, settle):
            with contextlib.suppress(FileNotFoundError):  # taken back since
                found.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def is_config_name(name: str) -> bool:
    """Return whether a name is a config's: the right suffix, and no temporary file of an editor or upload."""
    return name.lower().endswith(SUFFIXES) and not name.startswith((".", "~"))


def is_whole(path: Path, settle: float = SETTLE_SECONDS) -> bool:
    """Return whether nobody is still writing ``path``.

    It is whole when it has not changed for ``settle`` seconds and no process holds it open for writing (Linux
    tells; elsewhere the time alone decides). An empty file waits longer: its writer may be slow to begin.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return is_quiet(status, settle) and not (stat.S_ISREG(status.st_mode) and _is_being_written(path))


def is_quiet(status: os.stat_result, settle: float = SETTLE_SECONDS) -> bool:
    """Return whether something has not changed for ``settle`` seconds; an empty file and a folder are given more."""
    return _age(status) >= (EMPTY_SECONDS if _may_be_begun(status) else settle)


def unsettled(folder: Path) -> float:
    """Return the seconds until all that came is whole, if nobody goes on writing; what is just begun does not count."""
    seconds = 0.0
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):  # taken back since
            if is_config_name(entry.name) and not _may_be_begun(status := entry.stat(follow_symlinks=False)):
                seconds = max(seconds, SETTLE_SECONDS - _age(status))
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
        return True
    except OSError:
        return False  # a file system without leases
    return False


def _is_being_written(path: Path) -> bool:
    try:
        with opened(path) as descriptor:
            return has_writer(descriptor)
    except OSError:
        return False  # what cannot be read is claimed, and explained there
