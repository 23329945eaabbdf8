"""Values in a file that processes map into memory: what is large in them is one copy for all, in the page cache.

A file holds a pickle without its large buffers, and the buffers behind it. They are never read, only mapped: numpy
and Arrow arrays that are loaded look straight into the file, and cannot be written to.

It holds a pickle, so only a file that we wrote ourselves is loaded: it must be this user's, and nobody else may be
able to write to it.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import pickle
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MAGIC = b"dropforge mapped 1\n"
_ALIGNMENT = 64  # bytes; what Arrow advises, and more than any of numpy's types needs


def write(path: Path, value: Any, state: str) -> None:
    """Write a value aside, then put it in the place of what ``path`` held; who has mapped that keeps it.

    One writer at a time: see to that with a lock.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    value : Any
        What is stored.
    state : str
        Names what the value was made from; :func:`read` must be given the same.

    Raises
    ------
    OSError
        If it cannot be written; what ``path`` held is left as it was.
    """
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    blocks = [memoryview(content), *(buffer.raw() for buffer in buffers)]
    head = {"state": state, "sha256": _sha256(blocks[0]), "sizes": [len(block) for block in blocks]}
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)  # of a writer that was killed
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(_MAGIC + json.dumps(head).encode() + b"\n")
            for block in blocks:
                file.write(bytes(-file.tell() % _ALIGNMENT))
                file.write(block)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave a whole file of zeros under the final name
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path, state: str) -> Any:
    """Return the value that a file holds; None if there is none, or it is damaged, foreign or of another state."""
    try:
        with path.open("rb") as file:
            info = os.fstat(file.fileno())
            if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            area = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        content, *buffers = _blocks(area, state)
        return pickle.loads(content, buffers=buffers)  # noqa: S301 - we wrote it, see above
    except Exception:
        # There is no such file, or it cannot be read; or whatever a damaged one brings pickle to raise.
        return None


def _blocks(area: mmap.mmap, state: str) -> Iterator[memoryview]:
    """Yield the pickle, then its buffers, none of them copied."""
    if area[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not one of our files")
    end = area.find(b"\n", len(_MAGIC)) + 1
    head = json.loads(area[len(_MAGIC) : end])
    if head["state"] != state:
        raise ValueError("of another state")
    view = memoryview(area)
    for number, size in enumerate(head["sizes"]):
        start = end + -end % _ALIGNMENT
        end = start + size
        block = view[start:end]
        if len(block) != size or (number == 0 and _sha256(block) != head["sha256"]):
            raise ValueError("damaged")
        yield block


def _sha256(block: memoryview) -> str:
    return hashlib.sha256(block).hexdigest()
