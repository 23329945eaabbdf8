"""A config that changes in the very moment in which it is read or moved: what was trained is what is filed."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from dropforge.folder import WatchFolder
from dropforge.folder import drop as reading
from tests.dropforge.folder.drops import aged, described, make
from tests.dropforge.folder.drops import drop as dropped

NEW = "class: NEW\n"


def nobody(run):
    return False


def replaced(path, outside):
    """Move another file over it."""
    dropped(path.parent, f".{path.name}", NEW).rename(path)


def rewritten(path, outside):
    path.write_text(NEW)
    aged(path)  # a writer may set the time back


def appended(path, outside):
    with path.open("a") as stream:
        stream.write(NEW)
    aged(path)


def begun(path, outside, said=0):
    """Open it to write, and write the rest later."""
    stream = path.open("a")
    stream.write(NEW[:said])
    stream.flush()

    def write():
        stream.write(NEW[said:])
        stream.close()
        aged(path)

    return write


def exchanged(kind, path, outside):
    path.unlink(missing_ok=True)
    make(kind, path, outside)


MANNERS = {
    "replaced": replaced,
    "rewritten": rewritten,
    "appended": appended,
    "begun": begun,
    "half written": functools.partial(begun, said=3),
    "a link": functools.partial(exchanged, "link"),
    "a pipe": functools.partial(exchanged, "pipe"),
    "a folder": functools.partial(exchanged, "folder"),
    "taken back": lambda path, outside: path.unlink(missing_ok=True),
}

# What ``claim`` and ``file_away`` pass on a config's way, and which call of it: the change comes in that moment.
POINTS = {
    "before it is seen whole": (os, "open", 1),
    "before it is read": (os, "open", 2),
    "while it is read": (reading, "has_writer", 1),
    "before it is found again": (os, "open", 3),
    "while it is found again": (reading, "has_writer", 2),
    "before it is moved": (Path, "rename", 1),
    "while it is looked at after the move": (reading, "has_writer", 3),
    "when it has moved": (Path, "unlink", 1),
}


def arm(patch, point, change):
    """Let the change come at a point, once."""
    owner, name, number = POINTS[point]
    real, calls = getattr(owner, name), []

    def function(first, *others, **named):
        is_it = isinstance(first, int) or Path(os.fsdecode(first)).name in ("a.yaml", "a.yaml.error.txt")
        if is_it:
            calls.append(first)
        comes = is_it and len(calls) == number
        if comes and name != "has_writer":
            change()
        result = real(first, *others, **named)
        if comes and name == "has_writer":  # it has just said that nobody writes
            change()
        return result

    patch.setattr(owner, name, function)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("manner", MANNERS)
def test_what_was_trained_is_what_is_filed_and_what_is_newer_is_claimed_anew(tmp_path, monkeypatch, point, manner):
    folder = WatchFolder(tmp_path / "watch", tmp_path / "snapshots")
    outside = tmp_path / "outside" / "secret.yaml"
    dropped(outside.parent, outside.name, "SECRET")
    path = dropped(folder.path, "a.yaml", "class: OLD\n")
    trained, later = [], []

    def work(run):
        for claim in folder.claim(run, nobody):
            if claim.problem is None:
                trained.append(folder.content(claim).decode())
            folder.file_away(claim, run, str(claim.problem) if claim.problem else None)

    with monkeypatch.context() as patch:
        arm(patch, point, lambda: later.append(MANNERS[manner](path, outside)))
        work("r1")
    assert len(later) == 1, "the moment came"
    for change in filter(None, later):
        change()
    work("r2")
    work("r3")
    assert not list(folder.path.glob("*.yaml"))
    assert sorted(file.read_text() for file in (folder.path / "done").glob("*")) == sorted(trained)
    assert set(trained) <= {"class: OLD\n", NEW, "class: OLD\n" + NEW}
    rejected = [described(file) for file in (folder.path / "rejected").glob("*.yaml")]
    if manner.startswith("a "):
        assert rejected == [described(make(manner.removeprefix("a "), tmp_path / "a.yaml", outside))]
    else:
        assert rejected == []
        assert any(text.endswith(NEW) for text in trained) or manner == "taken back"
    assert outside.read_text() == "SECRET"


def test_a_half_that_takes_its_place_is_not_read(tmp_path, monkeypatch):
    """Its writer closed it and will open it again, so that the time alone tells."""
    monkeypatch.setattr("dropforge.folder.claims.SETTLE_SECONDS", 30)
    folder = WatchFolder(tmp_path / "watch", tmp_path / "snapshots")
    path = dropped(folder.path, "a.yaml", "class: OLD\n", age=60)
    with monkeypatch.context() as patch:
        arm(patch, "before it is read", lambda: dropped(folder.path, ".half", NEW[:3], age=0).rename(path))
        assert folder.claim("r1", nobody) == []
    aged(path).write_text(NEW)
    aged(path)
    (claim,) = folder.claim("r1", nobody)
    assert folder.content(claim).decode() == NEW
