"""The split rows: read from their source once, and mapped by every process after that."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow
from filelock import FileLock

from dropforge.data import mapped
from dropforge.data.rows import Rows, read_rows
from dropforge.data.sources import place_of
from dropforge.documents import Problem, UserError
from dropforge.project import Project
from dropforge.settings import Data, is_file

# Raise the number when rows are split, hashed or kept in another way: they are then read anew. The packages' bytes
# are in the file, too.
_FORMAT = (3, pd.__version__, np.__version__, pyarrow.__version__)
# A file that changes twice within the grain of its clock looks the same, and no file system has a coarser one.
_GRAIN_SECONDS = 2.0
_TRIES = 3

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
            began = time.time()
            rows, state = _read_still(data, home, state)
            if began - state.written > _GRAIN_SECONDS:
                mapped.write(stored, rows, state.name)
    except OSError as error:
        log.warning("the rows of %s are read by each task anew, as they cannot be stored: %s", data.source, error)
    # Mapped again, so that this process shares them as well.
    return mapped.read(stored, state.name) or rows or read_rows(data, home)


def _read_still(data: Data, home: Path, state: _State) -> tuple[Rows, _State]:
    """Read the rows of a source that stays as it is meanwhile, and return its state too.

    Raises
    ------
    UserError
        If it changes each time: half of it could be old, half new.
    """
    for _ in range(_TRIES):
        rows = read_rows(data, home)
        found = _state(data.source, home)
        if found == state:
            return rows, state
        state = found or state
    remedy = "Write it elsewhere, and move it into its place in one step; then drop the config again."
    raise UserError(Problem("the data changed while they were read", remedy, data.source))


def _state(source: str, home: Path) -> _State | None:
    """Return the state of a source; None if it cannot be told, or there is no such source."""
    if not is_file(source):
        return _State(json.dumps([*_FORMAT, importlib.metadata.version("scikit-learn")]), 0.0)
    if "://" in source:
        return _state_elsewhere(source, home)
    try:
        path = (home / source).resolve()
        files = sorted(_files(path)) if path.is_dir() else [path]
        seen = [(str(file), file.stat()) for file in files]
    except OSError:
        return None
    if not all(stat.S_ISREG(info.st_mode) for _, info in seen):
        return None
    names = [(name, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino) for name, info in seen]
    return _State(json.dumps([*_FORMAT, *names]), max((info.st_mtime for _, info in seen), default=0.0))


def _files(folder: Path) -> Iterator[Path]:
    return (Path(root, name) for root, _, names in os.walk(folder) for name in names)


def _state_elsewhere(source: str, home: Path) -> _State | None:
    """Return the state that a store reports: of each file its size, and the mark or time of its content."""
    place = place_of(source, home)
    place.files.invalidate_cache()
    try:
        found = place.files.find(place.path, detail=True)
    except FileNotFoundError:
        return None
    marks = [(name, info.get("size"), str(_mark(info))) for name, info in sorted(found.items())]
    if not marks or any(_mark(info) is None for info in found.values()):
        return None
    return _State(json.dumps([*_FORMAT, source, *marks]), 0.0)


def _mark(info: Mapping[str, Any]) -> Any:
    return next((info[key] for key in ("ETag", "etag", "md5Hash", "LastModified", "mtime") if info.get(key)), None)
