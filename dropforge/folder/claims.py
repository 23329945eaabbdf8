"""Claim configs, so that each belongs to exactly one run, and file them away when it is done.

A claim is a small file under ``.claims/`` that names the run. The config itself stays where it was dropped
until it is filed; its content is kept as a snapshot, so that a config that is replaced meanwhile is a new drop.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from dropforge.documents import MAX_BYTES, write_whole, written
from dropforge.folder.files import whole_files

DONE, REJECTED, CLAIMS = "done", "rejected", ".claims"
NOBODY = ""


@dataclass(frozen=True)
class Claim:
    """A config that a run has taken.

    Parameters
    ----------
    file : str
        Its name in the watch folder.
    key : str
        Digest of name and content.
    drop : str
        Names this drop; it stays when another run takes the claim over.
    unreadable : str
        Why the file cannot be read; empty if it can.
    """

    file: str
    key: str
    drop: str = field(default="", compare=False)
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

    def drop(self, name: str, content: bytes) -> str:
        """Put a config into the folder, whole and once: what was claimed under this name before is not dropped again.

        Returns
        -------
        str
            The name.
        """
        self.prepare()
        with self._lock():
            if not (self.snapshots / _key(name, content)).exists():
                write_whole(self.path / name, content)
        return name

    def claim(self, run: str, is_active: Callable[[str], bool], whole: Iterable[str] = ()) -> list[Claim]:
        """Claim every whole file that no other active run has, and what a run that ended left unfiled.

        Parameters
        ----------
        run : str
            Who claims.
        is_active : callable
            Whether a run may still file what it claimed; the claims of others are free again.
        whole : iterable of str
            Names of files that are whole, however new they are: the run itself wrote them with :meth:`drop`.
        """
        is_active = functools.cache(is_active)  # it asks Airflow; there may be a thousand claims of one run
        self.prepare()
        taken = []
        with self._lock():
            for path in dict.fromkeys([*whole_files(self.path), *(self.path / name for name in whole)]):
                content, unreadable = _read(path)
                if content is None:
                    continue  # taken back since the folder was listed
                key = _key(path.name, content)
                record = _read_record(self.claims / f"{key}.json") or {}
                owner = record.get("run")
                if owner and owner != run and is_active(owner):
                    continue
                claim = Claim(path.name, key, record.get("drop") or uuid.uuid4().hex, unreadable)
                write_whole(self.snapshots / claim.key, content)
                self._record(claim, run)
                taken.append(claim)
            taken += self._replaced({claim.key for claim in taken}, run, is_active)
        return taken

    def waiting(self, is_active: Callable[[str], bool]) -> list[str]:
        """Return the names of the whole files that no active run has claimed."""
        if not self.path.is_dir():
            return []
        is_active = functools.cache(is_active)
        active = {key: record["file"] for key, record in self._records() if record["run"] and is_active(record["run"])}
        return [path.name for path in whole_files(self.path) if not _is_among(path, active)]

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
            folder.mkdir(exist_ok=True)
            current = self._locate(claim, folder, is_filed=owner is None)
            stays = current is not None and current.parent == folder
            target = current if current and stays else _free_name(folder / claim.file)
            with _explained(target, error):
                if current is None:  # replaced meanwhile: what stands there now is a new drop
                    write_whole(target, self.content(claim))
                elif not stays:
                    current.replace(target)
                    _error_file(current).unlink(missing_ok=True)
            self._forget(claim)
        return target

    def release(self, claim: Claim, run: str) -> None:
        """Give a claim back: the file stays, and the next run takes it over as the same drop."""
        with self._lock():
            if self._owner(claim.key) == run:
                self._record(claim, NOBODY)

    def claimed_by(self, run: str) -> list[Claim]:
        """Return what ``run`` holds."""
        return [_claim(key, record) for key, record in self._records() if record["run"] == run]

    def _locate(self, claim: Claim, folder: Path, is_filed: bool) -> Path | None:
        """Return where a claimed content lies now: in the watch folder, or filed before (in ``folder``, or elsewhere).

        What no run owns has been filed; the same content in the watch folder is then a new drop.
        """
        dropped, filed = iter([self.path / claim.file]), self._filed(claim, folder)
        places = itertools.chain(filed, dropped) if is_filed else itertools.chain(dropped, filed)
        return next((p for p in places if p.is_file() and _key(claim.file, _read(p)[0] or b"") == claim.key), None)

    def _filed(self, claim: Claim, folder: Path) -> Iterator[Path]:
        """Give the filed files that may be the claim's; the folders are listed only when they are asked for."""
        for place in (folder, self.path / REJECTED, self.path / DONE):
            if place.is_dir():
                yield from sorted(path for path in place.iterdir() if _is_named_after(path.name, claim.file))

    def _owner(self, key: str) -> str | None:
        record = _read_record(self.claims / f"{key}.json")
        return record["run"] if record else None

    def _records(self) -> Iterator[tuple[str, dict[str, str]]]:
        for path in sorted(self.claims.glob("*.json")):
            if record := _read_record(path):
                yield path.stem, record

    def _replaced(self, taken: set[str], run: str, is_active: Callable[[str], bool]) -> list[Claim]:
        """Take over what a claim still owes a place: the run is dead, or this one, and the file was replaced since."""
        found = []
        for key, record in list(self._records()):
            if key in taken or (record["run"] not in (run, NOBODY) and is_active(record["run"])):
                continue
            claim = _claim(key, record)
            place = self._locate(claim, self.path / DONE, is_filed=False)
            if place is None and (self.snapshots / key).exists():
                self._record(claim, run)
                found.append(claim)
            elif place is None or place.parent != self.path:  # a crash came between filing and forgetting
                self._forget(claim)
        return found

    def _record(self, claim: Claim, run: str) -> None:
        record = {"run": run, "file": claim.file, "drop": claim.drop}
        write_whole(self.claims / f"{claim.key}.json", json.dumps(record).encode())

    def _forget(self, claim: Claim) -> None:
        (self.claims / f"{claim.key}.json").unlink(missing_ok=True)

    def _lock(self) -> FileLock:
        return FileLock(self.claims / "lock")


def _claim(key: str, record: dict[str, str]) -> Claim:
    return Claim(record["file"], key, record["drop"])


def _key(name: str, content: bytes) -> str:
    return hashlib.sha256(os.fsencode(name) + b"\0" + content).hexdigest()[:32]


def _read(path: Path) -> tuple[bytes | None, str]:
    """Return a file's content, or why it has none; None if there is no such file."""
    try:
        path.name.encode()
        if path.stat().st_size > MAX_BYTES:
            return b"", f"is larger than {MAX_BYTES // 1024} KiB"
        return path.read_bytes(), ""
    except UnicodeEncodeError:
        return b"", "cannot be read: its name is not UTF-8 text"
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return b"", f"cannot be read: {error.strerror}"


def _is_among(path: Path, claimed: dict[str, str]) -> bool:
    """Return whether one of the claims (key to name) is the file's, with the content that it has now."""
    return path.name in claimed.values() and _key(path.name, _read(path)[0] or b"") in claimed


def _explained(path: Path, error: str | None) -> AbstractContextManager[None]:
    """Leave the text that explains an error, if there is one: a config moves only once there is room for it."""
    return written(_error_file(path), f"{error}\n".encode(errors="backslashreplace")) if error else nullcontext()


def _error_file(path: Path) -> Path:
    return path.with_name(_joined(path.name, ".error.txt"))


def _free_name(path: Path) -> Path:
    number = 1
    free = path
    while free.exists() or free.is_symlink():
        free = path.with_name(_joined(path.stem, f"-{number}{path.suffix}"))
        number += 1
    return free


def _is_named_after(name: str, file: str) -> bool:
    """Return whether :func:`_free_name` may have made ``name`` of ``file``."""
    path = Path(file)
    return name.startswith(path.stem[:30]) and name.endswith(path.suffix)


def _joined(beginning: str, end: str) -> str:
    """Join a name; a beginning that is too long for a file system is cut, and a digest tells it from others."""
    if len(os.fsencode(beginning + end)) <= _LONGEST_NAME:
        return beginning + end
    end = f"-{_key(beginning, b'')[:8]}{end}"
    while len(os.fsencode(beginning + end)) > _LONGEST_NAME:
        beginning = beginning[:-1]
    return beginning + end


_LONGEST_NAME = 255  # bytes


def _read_record(path: Path) -> dict[str, str] | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
