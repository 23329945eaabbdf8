"""Write files whole, and say what a user can do where a disk takes nothing more."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import tempfile
import uuid
from collections.abc import Iterator

from dropforge.documents.problems import Problem

_PROBE = bytes(1024 * 1024)

# What is wrong, and what to do.
_REFUSALS = {
    errno.ENOSPC: ("the disk is full", "Free some space there"),
    errno.EDQUOT: ("the quota of this disk is used up", "Free some space there, or have the quota raised"),
    errno.EROFS: ("this file system is read-only", "Make it writable ('mount -o remount,rw'), or mend the disk"),
    errno.EACCES: ("permission denied", "Give the user that runs Dropforge the right to it"),
    errno.EISDIR: ("a folder is in the way: this must be a file", "Move it away, or name another place"),
    errno.ENOTDIR: ("a file is in the way: this must be a folder", "Move it away, or name another place"),
    errno.EEXIST: ("a file is in the way: this must be a folder", "Move it away, or name another place"),
}
# Programs meet these all the time, and handle them: where another error followed, they do not explain it.
_IN_THE_WAY = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST)
_LAST = "then try again; Airflow does so by itself, and dropped configs wait meanwhile."


def explain(error: BaseException, folder: pathlib.Path | None = None) -> Problem | None:
    """Return what a user can do about a disk that is full, read-only or closed to us, or where something is in the way.

    For any other error it is None.

    Parameters
    ----------
    error : BaseException
        What was raised.
    folder : pathlib.Path, optional
        Where it was about to write. It is named where the error names no file. Databases and servers don't hand on
        what the disk told them: for their errors, it is tried whether this folder takes a file.
    """
    if refusal := _refusal(error):
        code, file = refusal
        return _problem(code, file or folder)
    return check_disk(folder) if folder else None


def check_disk(folder: pathlib.Path) -> Problem | None:
    """Return why a folder takes no file (1 MiB), and what to do; None if it does."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        return _problem(error.errno, there) if error.errno in _REFUSALS else None
    return None


def _problem(code: int, file: object) -> Problem:
    message, remedy = _REFUSALS[code]
    if code in _IN_THE_WAY and file is not None:  # the error may name what would lie beneath it
        path = pathlib.Path(str(file))
        file = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
    return Problem(message, f"{remedy}, {_LAST}", None if file is None else str(file))


@contextlib.contextmanager
def written(path: pathlib.Path, content: bytes) -> Iterator[None]:
    """Write a file aside, do the block, then put the file in its place.

    What needs room on the disk comes first, and a name holds the old content or the new, never half of one.

    Raises
    ------
    OSError
        If the disk refuses; it names the file, and nothing is left behind.
    """
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        draft.write_bytes(content)
        yield
        draft.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write that fails does not say where
        raise


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Write a file whole: a crash or a full disk leaves the old one or the new one."""
    with written(path, content):
        pass


def _refusal(error: BaseException | None) -> tuple[int, str | None] | None:
    """Return the disk's refusal in an error, or in what caused it: its code, and the file."""
    raised = error
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            file = error.filename2 or error.filename  # of a copy's two files, the one that was written
            # The right that is missing need not be to a file: a port below 1024, say.
            is_of_disk = file is not None or error.errno not in (errno.EACCES, *_IN_THE_WAY)
            was_handled = error is not raised and error.errno in _IN_THE_WAY
            if is_of_disk and not was_handled:
                return error.errno, os.fsdecode(file) if isinstance(file, str | bytes | os.PathLike) else None
        error = error.__cause__ or error.__context__
    return None
