"""Claim configs, so that each belongs to exactly one run, and file them away when it is done.

A claim is a small file under ``.claims/`` that names the run. The config itself stays where it was dropped
until it is filed; its content is kept as a snapshot, so that a config that is replaced meanwhile is a new drop.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from dropforge.folder.files import whole_files

DONE, REJECTED, CLAIMS = "done", "rejected", ".claims"


@dataclass(frozen=True)
class Claim:
    """A config that a run has taken.

    Parameters
    ----------
    file : str
        Its name in the watch folder.
    key : str
        Digest of name and content.
    unreadable : str
        Why the file cannot be read; empty if it can.
    """

    file: str
    key: str
    unreadable: str = ""


class WatchFolder:
    """A pipeline's watch folder and the snapshots of what was dropped into it."""

    def __init__(self, path: Path, snapshots: Path) -> None:
        self.path, self.snapshots = path, snapshots
        self.claims = path / CLAIMS

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self.path, self.claims, self.snapshots):
            folder.mkdir(parents=True, exist_ok=True)

    def claim(self, run: str, is_active: Callable[[str], bool]) -> list[Claim]:
        """Claim every whole file that no other active run has.

        Parameters
        ----------
        run : str
            Who claims.
        is_active : callable
            Whether a run may still file what it claimed; the claims of others are free again.
        """
        self.prepare()
        taken = []
        with self._lock():
            for path in whole_files(self.path):
                try:
                    content, unreadable = path.read_bytes(), ""
                except FileNotFoundError:
                    continue  # taken back since the folder was listed
                except OSError as error:
                    content, unreadable = b"", f"cannot be read: {error.strerror}"
                claim = Claim(path.name, _key(path.name, content), unreadable)
                owner = self._owner(claim.key)
                if owner is not None and owner != run and is_active(owner):
                    continue
                _write(self.snapshots / claim.key, content)
                _write(self.claims / f"{claim.key}.json", json.dumps({"run": run, "file": claim.file}).encode())
                taken.append(claim)
            self._forget_filed({claim.key for claim in taken}, is_active)
        return taken

    def waiting(self, is_active: Callable[[str], bool]) -> list[str]:
        """Return the names of the whole files that no active run has claimed."""
        if not self.path.is_dir():
            return []
        owners = self._owners()
        return [
            path.name
            for path in whole_files(self.path)
            if (owner := owners.get(path.name)) is None or not is_active(owner)
        ]

    def content(self, claim: Claim) -> bytes:
        """Return a config as it was when it was claimed."""
        return (self.snapshots / claim.key).read_bytes()

    def file_away(self, claim: Claim, run: str, error: str | None) -> Path | None:
        """Move a config to ``done/``, or with ``error`` to ``rejected/`` beside a text that explains it.

        May be repeated: a config that was filed before is moved if it now belongs elsewhere. Nothing is
        overwritten; a name that exists gets a suffix.

        Returns
        -------
        pathlib.Path or None
            Where it is now; None where another run has it.
        """
        self.prepare()
        with self._lock():
            owner = self._owner(claim.key)
            if owner is not None and owner != run:
                return None
            folder = self.path / (REJECTED if error else DONE)
            current = self._locate(claim)
            if current is not None and current.parent == folder:
                target = current
            else:
                folder.mkdir(exist_ok=True)
                target = _free_name(folder / claim.file)
                if current is None:  # replaced meanwhile: what stands there now is a new drop
                    _write(target, self.content(claim))
                else:
                    os.replace(current, target)
                    _error_file(current).unlink(missing_ok=True)
            if error:
                _write(_error_file(target), f"{error}\n".encode())
            (self.claims / f"{claim.key}.json").unlink(missing_ok=True)
        return target

    def release(self, claim: Claim, run: str) -> None:
        """Give a claim back; the file stays and the next run takes it."""
        with self._lock():
            if self._owner(claim.key) == run:
                (self.claims / f"{claim.key}.json").unlink(missing_ok=True)

    def claimed_by(self, run: str) -> list[Claim]:
        """Return what ``run`` holds."""
        return [Claim(record["file"], key) for key, record in self._records() if record["run"] == run]

    def _locate(self, claim: Claim) -> Path | None:
        """Return where a claimed content lies now: in the watch folder, or filed before."""
        stem, suffix = os.path.splitext(claim.file)
        places = [self.path / claim.file]
        for folder in (self.path / REJECTED, self.path / DONE):
            if folder.is_dir():
                places += sorted(p for p in folder.iterdir() if p.name.startswith(stem) and p.suffix == suffix)
        for place in places:
            if place.is_file() and _key(claim.file, place.read_bytes()) == claim.key:
                return place
        return None

    def _owner(self, key: str) -> str | None:
        record = _read_record(self.claims / f"{key}.json")
        return record["run"] if record else None

    def _owners(self) -> dict[str, str]:
        return {record["file"]: record["run"] for _, record in self._records()}

    def _records(self) -> Iterator[tuple[str, dict[str, str]]]:
        for path in sorted(self.claims.glob("*.json")):
            if record := _read_record(path):
                yield path.stem, record

    def _forget_filed(self, kept: set[str], is_active: Callable[[str], bool]) -> None:
        """Drop the claims that a crash left behind: the file is gone, and so is the run."""
        for key, record in list(self._records()):
            if key not in kept and not (self.path / record["file"]).exists() and not is_active(record["run"]):
                (self.claims / f"{key}.json").unlink(missing_ok=True)

    def _lock(self) -> FileLock:
        return FileLock(self.claims / "lock")


def _key(name: str, content: bytes) -> str:
    return hashlib.sha256(os.fsencode(name) + b"\0" + content).hexdigest()[:32]


def _error_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.error.txt")


def _free_name(path: Path) -> Path:
    number = 1
    free = path
    while free.exists() or free.is_symlink():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _read_record(path: Path) -> dict[str, str] | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole: a crash leaves the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.write_bytes(content)
    draft.replace(path)
