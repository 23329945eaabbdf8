"""Which files of a watch folder are configs, and which of them have arrived whole."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import time
from pathlib import Path

SUFFIXES = (".json", ".yaml", ".yml")
SETTLE_SECONDS = 0.3
EMPTY_SECONDS = 30.0


def whole_files(folder: Path) -> list[Path]:
    """Return the configs in ``folder`` that are whole, oldest first."""
    found = []
    for entry in os.scandir(folder):
        path = Path(entry.path)
        if is_config_name(entry.name) and is_whole(path):
            with contextlib.suppress(FileNotFoundError):  # taken back since
                found.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def is_config_name(name: str) -> bool:
    """Return whether a name is a config's: the right suffix, and no temporary file of an editor or upload."""
    return name.lower().endswith(SUFFIXES) and not name.startswith((".", "~"))


def is_whole(path: Path, settle: float = SETTLE_SECONDS) -> bool:
    """Return whether nobody is still writing ``path``.

    A file is whole when it has not changed for ``settle`` seconds and no process holds it open for writing (Linux
    tells; elsewhere the time alone decides). An empty one waits longer: its writer may be slow to begin.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    # A writer may set the first of these, to a time to come; nobody can set the second.
    age = time.time() - min(status.st_mtime, status.st_ctime)
    return (
        stat.S_ISREG(status.st_mode)
        and age >= (settle if status.st_size else EMPTY_SECONDS)
        and not _is_being_written(path)
    )


def _is_being_written(path: Path) -> bool:
    """Ask the kernel for a read lease, which it refuses while a writer has the file open (fcntl(2))."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False  # what cannot be read is claimed, and explained there
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
    finally:
        os.close(descriptor)
    return False
