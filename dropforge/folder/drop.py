"""Read what lies under a config's name: follow no link, wait for no pipe, take no half of a file for a whole."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dropforge.documents import MAX_BYTES, Problem, too_large
from dropforge.folder.files import SETTLE_SECONDS, has_writer, is_quiet, opened

# What may have a config's name and be no file, and what to do instead.
_KINDS = (
    (stat.S_ISLNK, "a symbolic link", "Drop a copy of the file itself: links are not followed."),
    (stat.S_ISDIR, "a folder", "Drop the files in it, one by one."),
    (stat.S_ISFIFO, "a named pipe", "Write its text to a file, and drop that."),
    (stat.S_ISSOCK, "a socket", "Drop a text file."),
)
_DEVICE = ("a device", "Drop a text file.")


@dataclass(frozen=True)
class Drop:
    """What lay under a config's name when it was looked at.

    Parameters
    ----------
    file : str
        The name under which it was dropped.
    status : os.stat_result
        What the file system says of it.
    content : bytes
        Its content; empty where there is a problem.
    problem : Problem, optional
        Why it was not read.
    is_still : bool
        Whether nobody wrote to it meanwhile.
    """

    file: str
    status: os.stat_result
    content: bytes = b""
    problem: Problem | None = None
    is_still: bool = True

    @property
    def key(self) -> str:
        """What tells it from anything else of its name: the content, or why there is none.

        Two links of one name are the same to us: the same is to be said of both.
        """
        if self.problem is None:
            return key_of(self.file, self.content)
        return key_of(f"\0{self.file}", self.problem.message.encode())  # no name of a file begins so

    def is_whole(self, settle: float = SETTLE_SECONDS) -> bool:
        """Return whether it had been left alone for ``settle`` seconds, and was while it was read."""
        return self.is_still and is_quiet(self.status, settle)


def key_of(name: str, content: bytes) -> str:
    """Return a digest of name and content."""
    return hashlib.sha256(os.fsencode(name) + b"\0" + content).hexdigest()[:32]


def read(path: Path, file: str | None = None) -> Drop | None:
    """Return what lies at ``path``; None if nothing does, or if something else took its place in that moment.

    Parameters
    ----------
    path : pathlib.Path
        Where to look.
    file : str, optional
        The name under which it was dropped, if another.
    """
    file = file or path.name
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if problem := _problem(file, status):
        return Drop(file, status, problem=problem)
    try:
        with opened(path) as descriptor:
            return _read(descriptor, file)
    except FileNotFoundError:
        return None
    except OSError as error:
        remedy = "Drop a copy of it; its disk may be damaged."
        if isinstance(error, PermissionError):
            remedy = "Give the user that runs Dropforge the right to read it, and drop it again."
        return Drop(file, status, problem=Problem(f"cannot be read: {error.strerror}", remedy, file))


def _read(descriptor: int, file: str) -> Drop | None:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return None
    is_still = not has_writer(descriptor)
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        content = stream.read(MAX_BYTES + 1)
    is_still = is_still and _times(os.fstat(descriptor)) == _times(before)
    if len(content) > MAX_BYTES:
        return Drop(file, before, problem=too_large(file), is_still=is_still)
    return Drop(file, before, content, is_still=is_still)


def _problem(file: str, status: os.stat_result) -> Problem | None:
    """Return why it is not even opened: to open a pipe or a device does something to whoever is at its other end."""
    if not stat.S_ISREG(status.st_mode):
        what, remedy = next(((what, remedy) for is_it, what, remedy in _KINDS if is_it(status.st_mode)), _DEVICE)
        return Problem(f"this is {what}, and no file", remedy, file)
    try:
        file.encode()
    except UnicodeEncodeError:
        return Problem("its name is not UTF-8 text", "Give it another name.", file)
    return None


def _times(status: os.stat_result) -> tuple[int, int, int]:
    """Return what every write changes."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
