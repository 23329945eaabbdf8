"""A disk that is full or read-only: what was dropped stays as it is, and goes on once the disk takes writes again."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from dropforge.documents import explain
from dropforge.folder import WatchFolder
from tests.dropforge.disks import Disk, mounted
from tests.dropforge.folder.drops import drop, waiting

TEXT = "class: sklearn.tree.DecisionTreeClassifier\n"
ENDED: list[str] = []  # the runs that are over


def is_active(run: str) -> bool:
    return run not in ENDED


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", 1) as found:
        yield found


@pytest.fixture
def watched(disk: Disk, tmp_path: Path) -> WatchFolder:
    """A folder on the small disk; the snapshots are on another one."""
    folder = WatchFolder(disk.path / "watch", tmp_path / "snapshots")
    folder.prepare()
    return folder


def tree(folder: WatchFolder) -> dict[str, str]:
    """Return what lies in the watch folder and beneath it, without claims; drafts of files count."""
    files = [path for path in folder.path.rglob("*") if path.is_file() and path.parent != folder.claims]
    return {str(path.relative_to(folder.path)): path.read_text() for path in files}


def drafts(folder: WatchFolder) -> list[Path]:
    places = (folder.path, folder.snapshots)
    return [path for place in places for path in place.rglob("*.part")]


@pytest.mark.parametrize("refusing", ["full", "read_only"])
def test_nothing_is_claimed_while_the_watch_folder_takes_nothing(
    disk: Disk, watched: WatchFolder, refusing: str
) -> None:
    drop(watched.path, "a.yaml", TEXT)
    with getattr(disk, refusing)():
        with pytest.raises(OSError, match=r"No space left|Read-only") as caught:
            watched.claim("r1", is_active)
        problem = explain(caught.value)
        assert problem
        assert str(problem.file).startswith(str(watched.claims))
        assert waiting(watched, is_active) == ["a.yaml"]  # the trigger goes on to announce it
        assert watched.claimed_by("r1") == []
    assert tree(watched) == {"a.yaml": TEXT}
    assert drafts(watched) == []
    (claim,) = watched.claim("r1", is_active)
    assert watched.content(claim).decode() == TEXT


def test_what_was_claimed_before_the_disk_was_full_is_the_same_drop_after(disk: Disk, watched: WatchFolder) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (first,) = watched.claim("r1", is_active)
    drop(watched.path, "b.yaml", TEXT)
    with disk.full(), pytest.raises(OSError, match="No space left"):
        watched.claim("r1", is_active)
    again = watched.claim("r1", is_active)
    assert [claim.file for claim in again] == ["a.yaml", "b.yaml"]
    assert again[0].drop == first.drop


def test_done_needs_no_room(disk: Disk, watched: WatchFolder) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (claim,) = watched.claim("r1", is_active)
    with disk.full():
        assert watched.file_away(claim, "r1", None) == watched.path / "done" / "a.yaml"
    assert tree(watched) == {"done/a.yaml": TEXT}


def test_a_config_is_rejected_only_once_there_is_room_to_say_why(disk: Disk, watched: WatchFolder) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (claim,) = watched.claim("r1", is_active)
    with disk.full():
        with pytest.raises(OSError, match="No space left") as caught:
            watched.file_away(claim, "r1", "wrong")
        assert caught.value.filename == str(watched.path / "rejected" / "a.yaml.error.txt")
        assert tree(watched) == {"a.yaml": TEXT}
    assert watched.claimed_by("r1") == [claim]
    watched.file_away(claim, "r1", "wrong")
    assert tree(watched) == {"rejected/a.yaml": TEXT, "rejected/a.yaml.error.txt": "wrong\n"}


def test_a_run_that_ended_while_the_disk_was_full_leaves_its_config_to_the_next(
    disk: Disk, watched: WatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (claim,) = watched.claim("r1", is_active)
    with disk.full(), pytest.raises(OSError, match="No space left"):
        watched.file_away(claim, "r1", "wrong")
    monkeypatch.setattr("tests.dropforge.folder.test_disk.ENDED", ["r1"])
    assert watched.claim("r2", is_active) == [claim]
    watched.file_away(claim, "r2", "wrong")
    assert tree(watched) == {"rejected/a.yaml": TEXT, "rejected/a.yaml.error.txt": "wrong\n"}


@pytest.mark.parametrize("error", [None, "wrong"])
def test_a_config_that_was_replaced_meanwhile_is_filed_whole_or_not_at_all(
    disk: Disk, watched: WatchFolder, error: str | None
) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (claim,) = watched.claim("r1", is_active)
    drop(watched.path, "a.yaml", "class: another\n")
    with disk.full():
        with pytest.raises(OSError, match="No space left"):
            watched.file_away(claim, "r1", error)
        assert tree(watched) == {"a.yaml": "class: another\n"}
    target = watched.file_away(claim, "r1", error)
    assert target
    assert target.read_text() == TEXT
    texts = {f"rejected/{target.name}.error.txt": "wrong\n"} if error else {}
    assert tree(watched) == {"a.yaml": "class: another\n", f"{target.parent.name}/{target.name}": TEXT, **texts}


@pytest.mark.parametrize("error", [None, "wrong"])
def test_a_read_only_folder_keeps_what_is_to_be_filed(disk: Disk, watched: WatchFolder, error: str | None) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (claim,) = watched.claim("r1", is_active)
    with disk.read_only():
        with pytest.raises(OSError, match="Read-only") as caught:
            watched.file_away(claim, "r1", error)
        assert "read-only" in str(explain(caught.value))
        assert tree(watched) == {"a.yaml": TEXT}
    assert watched.file_away(claim, "r1", error)
    assert "a.yaml" not in tree(watched)


def test_a_done_folder_that_is_read_only_alone_keeps_the_config(watched: WatchFolder) -> None:
    drop(watched.path, "a.yaml", TEXT)
    (claim,) = watched.claim("r1", is_active)
    with mounted(watched.path / "done", 1) as done, done.read_only():
        with pytest.raises(OSError, match=r"Read-only|cross-device"):
            watched.file_away(claim, "r1", None)
        assert tree(watched) == {"a.yaml": TEXT}
        assert watched.claimed_by("r1") == [claim]


@pytest.mark.parametrize("refusing", ["full", "read_only"])
def test_without_a_snapshot_there_is_no_claim(tmp_path: Path, disk: Disk, refusing: str) -> None:
    folder = WatchFolder(tmp_path / "watch", disk.path / "snapshots")
    folder.prepare()
    drop(folder.path, "a.yaml", TEXT)
    with getattr(disk, refusing)():
        with pytest.raises(OSError, match=r"No space left|Read-only") as caught:
            folder.claim("r1", is_active)
        assert caught.value.errno in (errno.ENOSPC, errno.EROFS)
        assert folder.claimed_by("r1") == []
        assert list(folder.snapshots.iterdir()) == []
    (claim,) = folder.claim("r1", is_active)
    assert folder.content(claim).decode() == TEXT
