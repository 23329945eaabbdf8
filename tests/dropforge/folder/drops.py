"""Drop files as people do, and what they take for files."""

import hashlib
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

from dropforge.folder import WatchFolder, arrivals
from dropforge.folder.files import arrival_of

CONFIG = "class: SVC"


def is_whole(path: Path) -> bool:
    """Return whether a file has arrived whole."""
    return arrival_of(path, path.lstat()).is_whole


def arrived(folder: Path) -> list[Path]:
    """Return what has arrived whole."""
    return [arrival.path for arrival in arrivals(folder) if arrival.is_whole]


def waiting(folder: WatchFolder, is_active: Callable[[str], bool], trusted: float = 0.0) -> list[str]:
    """Return the names of what has arrived whole, and no active run has claimed."""
    return [arrival.path.name for arrival in folder.waiting(is_active, trusted) if arrival.is_whole]


def drop(folder: Path, name: str, text: str = CONFIG, age: float = 10.0) -> Path:
    """Write a file that has been quiet for ``age`` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return aged(path, age)


def aged(path: Path, age: float = 60.0) -> Path:
    """Let something have been quiet for ``age`` seconds."""
    then = time.time() - age
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def _folder(path: Path, outside: Path) -> None:
    path.mkdir()
    (path / "inside.yaml").write_text(CONFIG)


def _socket(path: Path, outside: Path) -> None:
    short = outside.with_name("s")  # an address takes no more than 108 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
    short.rename(path)


def _large(path: Path, outside: Path) -> None:
    path.write_text(CONFIG)
    os.truncate(path, 10 * 2**20)


# What may lie under a config's name and is none: how it is made, with a file that is none of the watch folder's.
KINDS = {
    "link": lambda path, outside: path.symlink_to(outside),
    "dangling link": lambda path, outside: path.symlink_to("nowhere.yaml"),
    "looping link": lambda path, outside: path.symlink_to(path.name),
    "link to a folder": lambda path, outside: path.symlink_to(outside.parent),
    "link to a device": lambda path, outside: path.symlink_to("/dev/zero"),
    "folder": _folder,
    "empty folder": lambda path, outside: path.mkdir(),
    "pipe": lambda path, outside: os.mkfifo(path),
    "socket": _socket,
    "large file": _large,
}


def make(kind: str, path: Path, outside: Path) -> Path:
    """Make something under a name; ``outside`` is a file that is none of the watch folder's."""
    KINDS[kind](path, outside)
    return aged(path)


def described(path: Path) -> tuple[str, object]:
    """Return which kind of thing lies at a path, and with which content."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", str(path.readlink())
    if stat.S_ISDIR(mode):
        return "folder", sorted((child.name, described(child)) for child in path.iterdir())
    return ("file", hashlib.sha256(path.read_bytes()).digest()) if stat.S_ISREG(mode) else (stat.filemode(mode), None)
