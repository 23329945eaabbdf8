"""The parted rows: read from their source once, and mapped by every process after that."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow
from filelock import FileLock

from dropforge.data import mapped
from dropforge.data.rows import Rows, read_rows
from dropforge.project import Project
from dropforge.settings import Data, is_file

# Raise the number when rows are parted, hashed or kept in another way: they are then read anew. The packages' bytes
# are in the file, too.
_FORMAT = (1, pd.__version__, np.__version__, pyarrow.__version__)
# A file that changes twice within the grain of its clock looks the same, and no file system has a coarser one.
_GRAIN_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _State:
    """Names what a source holds now, and when that was written (seconds since the epoch)."""

    name: str
    written: float


def load(data: Data, home: Path) -> Rows:
    """Return a pipeline's rows, from what an earlier process stored if the source is as it was then.

    They are mapped from a file in the state folder, read-only, so that all processes share one copy. The first
    process reads the source and stores the rows, while those that start with it wait. If they cannot be stored,
    that is logged, and each process reads the source. Errors of the data are found anew each time.

    Parameters
    ----------
    data : Data
        The settings.
    home : pathlib.Path
        The project's folder; relative paths start there.

    Raises
    ------
    UserError
        If the data cannot be used.
    """
    state = _state(data.source, home)
    if state is None:
        return read_rows(data, home)
    # One file for each set of settings: new rows take the place of old ones.
    name = hashlib.sha256(msgspec.json.encode(data)).hexdigest()[:32]
    stored = Project(home).state / "data" / f"{name}.rows"
    if rows := mapped.read(stored, state.name):
        return rows
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(stored.with_suffix(".lock")):
            if rows := mapped.read(stored, state.name):
                return rows
            # A settled file that changes from here on gets another state: nobody looks for this one again.
            settled = time.time() - state.written > _GRAIN_SECONDS
            rows = read_rows(data, home)
            if settled:
                mapped.write(stored, rows, state.name)
    except OSError as error:
        log.warning("the rows of %s are read by each task anew, as they cannot be stored: %s", data.source, error)
    # Mapped again, so that this process shares them as well.
    return mapped.read(stored, state.name) or rows or read_rows(data, home)


def _state(source: str, home: Path) -> _State | None:
    """Return the state of a source; None if it cannot be told, or there is no such source."""
    if not is_file(source):
        return _State(json.dumps([*_FORMAT, importlib.metadata.version("scikit-learn")]), 0.0)
    try:
        path = (home / source).resolve()
        info = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):  # a folder does not tell of changes in its files
        return None
    seen = (str(path), info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
    return _State(json.dumps([*_FORMAT, *seen]), info.st_mtime)
