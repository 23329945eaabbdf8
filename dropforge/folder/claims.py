"""Claim configs, so that each belongs to exactly one run, and file them away when it is done.

A claim is a small file under ``.claims/`` that names the run. The config itself stays where it was dropped
until it is filed; its content is kept as a snapshot, so that a config that is replaced meanwhile is a new drop.
"""

from __future__ import annotations

import errno
import functools
import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from dropforge.documents import Problem, UserError, write_whole, written
from dropforge.folder.drop import key_of, read
from dropforge.folder.files import SETTLE_SECONDS, Arrival, arrivals, unsettled

DONE, REJECTED, CLAIMS = "done", "rejected", ".claims"
NOBODY = ""
_MOST_SECONDS = 1.0
_IMMOVABLE = (errno.EACCES, errno.EPERM, errno.EBUSY)  # somebody else's, immutable, or mounted there


@dataclass(frozen=True)
class Claim:
    """What lay under a config's name, and a run has taken.

    Parameters
    ----------
    file : str
        Its name in the watch folder.
    key : str
        Tells it from anything else of its name: a digest of name and content, or of name and problem.
    drop : str
        Names this drop; it stays when another run takes the claim over.
    problem : Problem, optional
        Why it was not read: it is no file, say. There is no snapshot of it then.
    """

    file: str
    key: str
    drop: str = field(default="", compare=False)
    problem: Problem | None = None


class _NothingLeftError(Exception):
    """What was claimed is gone, and there is no snapshot of it."""


class WatchFolder:
    """A pipeline's watch folder and the snapshots of what was dropped into it."""

    def __init__(self, path: Path, snapshots: Path) -> None:
        self.path, self.snapshots = path, snapshots
        self.claims = path / CLAIMS

    def prepare(self) -> None:
        """Make the folders.

        Raises
        ------
        UserError
            If something else is in the place of one.
        """
        for folder in (self.path, self.snapshots, self.claims):
            _made(folder, may_be_link=folder != self.claims)
        for folder in (self.path / DONE, self.path / REJECTED):
            if os.path.lexists(folder):
                _made(folder)

    def drop(self, name: str, content: bytes) -> str:
        """Put a config into the folder, whole and once: what was claimed under this name before is not dropped again.

        Returns
        -------
        str
            The name.
        """
        self.prepare()
        with self._lock():
            if not (self.snapshots / key_of(name, content)).exists():
                write_whole(self.path / name, content)
        return name

    def settle(self) -> None:
        """Wait until nothing more comes or changes, so that one claim takes all; for a second at most."""
        end = time.monotonic() + _MOST_SECONDS
        with suppress(OSError):  # who claims says what is wrong with the folder
            while (seconds := min(unsettled(self.path), end - time.monotonic())) > 0:
                time.sleep(seconds)

    def claim(self, run: str, is_active: Callable[[str], bool], whole: Iterable[str] = ()) -> list[Claim]:
        """Claim all that arrived whole and no other active run has, and what a run that ended left unfiled.

        What is no file, or cannot be read, is claimed as well: its claim says why.

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
            settled = {arrival.path: SETTLE_SECONDS for arrival in arrivals(self.path) if arrival.is_whole}
            for path, settle in (settled | {self.path / name: 0.0 for name in whole}).items():
                drop = read(path)
                if drop is None or not drop.is_whole(settle):
                    continue  # taken back or replaced since the folder was listed, or somebody is writing again
                record = _read_record(self.claims / f"{drop.key}.json") or {}
                owner = record.get("run")
                if owner and owner != run and is_active(owner):
                    continue
                claim = Claim(path.name, drop.key, record.get("drop") or uuid.uuid4().hex, drop.problem)
                if drop.problem is None:
                    write_whole(self.snapshots / claim.key, drop.content)
                self._record(claim, run)
                taken.append(claim)
            taken += self._replaced({claim.key for claim in taken}, run, is_active)
        return taken

    def waiting(self, is_active: Callable[[str], bool], trusted: float = 0.0) -> list[Arrival]:
        """Return what arrived, whole or not, and no active run has claimed.

        Parameters
        ----------
        is_active : callable
            Whether a run may still file what it claimed.
        trusted : float
            Seconds after a claim for which its run is taken to be active, and not asked about.
        """
        if not self.path.is_dir():
            return []
        is_active = functools.cache(is_active)
        active = {
            key: record["file"]
            for key, record in self._records()
            if record["run"] and (self._age(key) < trusted or is_active(record["run"]))
        }
        return [arrival for arrival in arrivals(self.path) if not _is_among(arrival.path, active)]

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
            Where it is now; None where another run has it, or nothing is left that could be filed: it could not
            be read, and was taken back or replaced.

        Raises
        ------
        UserError
            If just this one cannot be moved, or ``done/`` or ``rejected/`` is no folder. It stays claimed.
        """
        self.prepare()
        with self._lock():
            owner = self._owner(claim.key)
            if owner is not None and owner != run:
                return None
            folder = _made(self.path / (REJECTED if error else DONE))
            current = self._locate(claim, folder, is_filed=owner is None)
            stays = current is not None and current.parent == folder
            target = current if current and stays else _free_name(folder / claim.file)
            is_left = True
            try:
                with _explained(target, error):
                    if not stays:
                        self._put(claim, current, target)
            except _NothingLeftError:
                is_left = False
            self._forget(claim)
        return target if is_left else None

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
        return next((place for place in places if _is_claimed(place, claim, in_use=place.parent != self.path)), None)

    def _put(self, claim: Claim, current: Path | None, target: Path) -> None:
        """Move what was claimed from ``current`` to ``target``, or write it there anew where it was replaced.

        Nothing keeps people from replacing it between a look and a move. So the look comes after the move, and
        what turns out to be another drop, or is being written to, goes back.
        """
        if current is not None and _moved(current, target, claim.file):
            if _is_claimed(target, claim, in_use=current.parent != self.path):
                with suppress(IsADirectoryError):
                    _error_file(current).unlink(missing_ok=True)
                return
            target.rename(_free_name(current))
        if not (self.snapshots / claim.key).exists():
            raise _NothingLeftError
        write_whole(target, self.content(claim))

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

    def _age(self, key: str) -> float:
        """Return the seconds since a claim was made or taken over; the longest time where that is not known."""
        with suppress(FileNotFoundError):
            seconds = time.time() - (self.claims / f"{key}.json").stat().st_mtime
            if seconds >= 0:  # another machine's clock is ahead, or this one was set back
                return seconds
        return float("inf")

    def _record(self, claim: Claim, run: str) -> None:
        record = {"run": run, "file": claim.file, "drop": claim.drop}
        write_whole(self.claims / f"{claim.key}.json", json.dumps(record).encode())

    def _forget(self, claim: Claim) -> None:
        (self.claims / f"{claim.key}.json").unlink(missing_ok=True)

    def _lock(self) -> FileLock:
        return FileLock(self.claims / "lock")


def _claim(key: str, record: dict[str, str]) -> Claim:
    return Claim(record["file"], key, record["drop"])


def _made(folder: Path, may_be_link: bool = False) -> Path:
    """Make a folder if it is not there; one of our own is never somewhere else by way of a link."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        what = "a link" if folder.is_symlink() else "a file"
    else:
        if may_be_link or not folder.is_symlink():
            return folder
        what = "a link"
    remedy = "Move it away: the folder is then made, and all that was dropped goes on."
    raise UserError(Problem(f"this is {what} where a folder must be", remedy, str(folder)))


def _moved(current: Path, target: Path, file: str) -> bool:
    """Move something as it is; return whether it was still there."""
    try:
        current.rename(target)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in _IMMOVABLE:
            raise
        remedy = "Move it away yourself, or give the user that runs Dropforge the right to do so."
        message = f"cannot be moved to {target.parent.name}/: {error.strerror}"
        raise UserError(Problem(message, remedy, file)) from error
    return True


def _is_claimed(path: Path, claim: Claim, in_use: bool) -> bool:
    """Return whether what lies at ``path`` was claimed; ``in_use`` says whether somebody may be writing to it."""
    drop = read(path, claim.file)
    return drop is not None and drop.key == claim.key and (in_use or drop.is_still)


def _is_among(path: Path, claimed: dict[str, str]) -> bool:
    """Return whether one of the claims (key to name) is the file's, with the content that it has now."""
    if path.name not in claimed.values():
        return False
    drop = read(path)
    return drop is not None and drop.key in claimed


def _explained(path: Path, error: str | None) -> AbstractContextManager[None]:
    """Leave the text that explains an error, if there is one: a config moves only once there is room for it."""
    return written(_error_file(path), f"{error}\n".encode(errors="backslashreplace")) if error else nullcontext()


def _error_file(path: Path) -> Path:
    return path.with_name(_joined(path.name, ".error.txt"))


def _free_name(path: Path) -> Path:
    number = 1
    free = path
    while os.path.lexists(free) or _is_folder(_error_file(free)):
        free = path.with_name(_joined(path.stem, f"-{number}{path.suffix}"))
        number += 1
    return free


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_named_after(name: str, file: str) -> bool:
    """Return whether :func:`_free_name` may have made ``name`` of ``file``."""
    path = Path(file)
    return name.startswith(path.stem[:30]) and name.endswith(path.suffix)


def _joined(beginning: str, end: str) -> str:
    """Join a name; a beginning that is too long for a file system is cut, and a digest tells it from others."""
    if len(os.fsencode(beginning + end)) <= _LONGEST_NAME:
        return beginning + end
    end = f"-{key_of(beginning, b'')[:8]}{end}"
    while len(os.fsencode(beginning + end)) > _LONGEST_NAME:
        beginning = beginning[:-1]
    return beginning + end


_LONGEST_NAME = 255  # bytes


def _read_record(path: Path) -> dict[str, str] | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
