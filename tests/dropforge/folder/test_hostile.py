"""What has a config's name and is none: it is explained and kept, nothing is followed, and the others go on."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge.documents import UserError
from dropforge.folder import WatchFolder, is_config_name
from tests.dropforge.disks import mounted
from tests.dropforge.folder.drops import KINDS, aged, described, drop, make, waiting

SECRET = b"class: SVC\nparams: {C: 7}\n"


def nobody(run):
    return False


@pytest.fixture
def outside(tmp_path):
    """A file beside the watch folder."""
    path = tmp_path / "outside" / "secret.yaml"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    yield path
    assert [(path.name, path.read_bytes())] == [(found.name, found.read_bytes()) for found in path.parent.iterdir()]


@pytest.fixture
def folder(tmp_path):
    folder = WatchFolder(tmp_path / "watch", tmp_path / "snapshots")
    folder.prepare()
    return folder


def work(folder, run):
    """Claim all and file it away as the tasks do; return what would be trained."""
    trained = []
    for claim in folder.claim(run, nobody):
        if claim.problem is None:
            trained.append(folder.content(claim))
        folder.file_away(claim, run, str(claim.problem) if claim.problem else None)
    return trained


def lying(folder, *places):
    """Return what lies in places of the folder, without the explanations."""
    found = [path for place in places for path in sorted((folder.path / place).glob("*"))]
    return [path for path in found if is_config_name(path.name)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("link", "this is a symbolic link, and no file"),
        ("dangling link", "this is a symbolic link, and no file"),
        ("looping link", "this is a symbolic link, and no file"),
        ("link to a folder", "this is a symbolic link, and no file"),
        ("link to a device", "this is a symbolic link, and no file"),
        ("folder", "this is a folder, and no file"),
        ("empty folder", "this is a folder, and no file"),
        ("pipe", "this is a named pipe, and no file"),
        ("socket", "this is a socket, and no file"),
        ("large file", "larger than 1024 KiB"),
    ],
)
def test_what_is_no_config_is_explained_and_the_others_are_trained(folder, outside, kind, said):
    before = described(make(kind, folder.path / "x.yaml", outside))
    drop(folder.path, "good.yaml", "GOOD")
    assert sorted(waiting(folder, nobody)) == ["good.yaml", "x.yaml"]
    assert work(folder, "r1") == [b"GOOD"]
    assert described(folder.path / "rejected" / "x.yaml") == before
    text = (folder.path / "rejected" / "x.yaml.error.txt").read_text()
    assert text.startswith(f"x.yaml: {said}\n    ")
    assert lying(folder, "", "done") == [folder.path / "done" / "good.yaml"]
    assert waiting(folder, nobody) == []
    assert len(list(folder.snapshots.iterdir())) == 1


def test_a_device_is_explained(folder):
    path = folder.path / "x.json"
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices are root's to make")
    aged(path)
    assert work(folder, "r1") == []
    assert (folder.path / "rejected" / "x.json").is_char_device()
    assert "this is a device" in (folder.path / "rejected" / "x.json.error.txt").read_text()


@pytest.mark.parametrize("kind", ["pipe", "socket", "link", "folder"])
def test_what_is_no_file_is_not_even_opened(folder, outside, monkeypatch, kind):
    """To open a pipe lets its writer write into the void, and to open a device may wind a tape."""
    make(kind, folder.path / "x.yaml", outside)
    real, opened = os.open, []

    def remember(file, *arguments, **others):
        opened.append(Path(os.fsdecode(file)).name)
        return real(file, *arguments, **others)

    with monkeypatch.context() as patch:
        patch.setattr("dropforge.folder.files.os.open", remember)
        drop(folder.path, "good.yaml", "GOOD")
        assert work(folder, "r1") == [b"GOOD"]
    assert "good.yaml" in opened
    assert "x.yaml" not in opened


@contextlib.contextmanager
def somebody():
    """Be a user whom rights concern, in a folder of that user's."""
    with tempfile.TemporaryDirectory() as home:
        if os.geteuid():
            yield Path(home)
            return
        os.chown(home, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(home)
        finally:
            os.seteuid(0)


def test_a_file_without_rights_is_explained_and_the_others_are_trained():
    with somebody() as home:
        folder = WatchFolder(home / "watch", home / "snapshots")
        drop(folder.path, "secret.yaml", "S").chmod(0)
        drop(folder.path, "good.yaml", "GOOD")
        assert work(folder, "r1") == [b"GOOD"]
        (rejected,) = lying(folder, "rejected")
        text = rejected.with_name("secret.yaml.error.txt").read_text()
        assert text.startswith("secret.yaml: cannot be read: Permission denied\n    Give the user")
        rejected.chmod(0o600)
        assert rejected.read_text() == "S"


def test_a_file_that_was_given_its_rights_meanwhile_is_trained():
    with somebody() as home:
        folder = WatchFolder(home / "watch", home / "snapshots")
        path = drop(folder.path, "a.yaml", "A")
        path.chmod(0)
        (claim,) = folder.claim("r1", nobody)
        path.chmod(0o600)
        assert folder.file_away(claim, "r1", "cannot be read") is None
        assert lying(folder, "", "done", "rejected") == [path]
        aged(path)
        assert work(folder, "r2") == [b"A"]


def test_a_file_that_its_disk_does_not_give_is_explained(folder, monkeypatch):
    path = drop(folder.path, "bad.yaml", "B")
    drop(folder.path, "good.yaml", "GOOD")
    real, inode = os.open, path.stat().st_ino

    def refuse(file, *arguments, **others):
        if Path(os.fsdecode(file)).exists() and Path(os.fsdecode(file)).lstat().st_ino == inode:
            raise OSError(5, "Input/output error", file)
        return real(file, *arguments, **others)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert work(folder, "r1") == [b"GOOD"]
    assert (folder.path / "rejected" / "bad.yaml").read_text() == "B"
    assert (
        "bad.yaml: cannot be read: Input/output error" in (folder.path / "rejected" / "bad.yaml.error.txt").read_text()
    )


def test_what_cannot_be_moved_says_so_and_stays_claimed(folder):
    with mounted(folder.path / "x.yaml", 1):
        aged(folder.path / "x.yaml")
        (claim,) = folder.claim("r1", nobody)
        with pytest.raises(UserError, match=r"x\.yaml: cannot be moved to rejected/: Device or resource busy"):
            folder.file_away(claim, "r1", str(claim.problem))
        assert [held.key for held in folder.claimed_by("r1")] == [claim.key]
        assert list((folder.path / "rejected").iterdir()) == []
    folder.file_away(claim, "r1", str(claim.problem))
    assert (folder.path / "rejected" / "x.yaml").is_dir()


@pytest.mark.parametrize("name", ["done", "rejected", ".claims"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "link to a folder", "pipe", "large file"])
def test_a_folder_of_our_own_that_is_none_is_explained_and_nothing_is_touched(folder, outside, name, kind):
    drop(folder.path, "a.yaml", "A")
    (folder.claims / "lock").unlink(missing_ok=True)
    if name == ".claims":
        folder.claims.rmdir()
    make(kind, folder.path / name, outside)
    with pytest.raises(UserError, match=rf"watch/{name}: this is a .* where a folder must be\n    Move it away"):
        folder.claim("r1", nobody)
    assert waiting(folder, nobody) == ["a.yaml"]
    (folder.path / name).unlink()
    assert work(folder, "r1") == [b"A"]


def test_a_watch_folder_may_itself_be_a_link(folder, tmp_path):
    linked = tmp_path / "linked"
    linked.symlink_to(folder.path)
    drop(folder.path, "a.yaml", "A")
    assert work(WatchFolder(linked, folder.snapshots), "r1") == [b"A"]


def test_a_folder_in_the_place_of_an_explanation_holds_nothing_up(folder):
    (folder.path / "rejected" / "x.yaml.error.txt").mkdir(parents=True)
    (folder.path / "y.yaml.error.txt").mkdir()
    drop(folder.path, "x.yaml", "X")
    drop(folder.path, "y.yaml", "Y")
    for claim in folder.claim("r1", nobody):
        folder.file_away(claim, "r1", "wrong")
    assert [path.name for path in lying(folder, "", "rejected")] == ["x-1.yaml", "y.yaml"]
    assert (folder.path / "rejected" / "x-1.yaml.error.txt").read_text() == "wrong\n"


# Names as bytes, too: a file system takes any. With the suffix they have at most 255.
names = (
    (st.binary(min_size=1, max_size=250) | st.text(min_size=1, max_size=250).map(lambda t: t.encode(errors="replace")))
    .map(lambda name: name.translate(None, b"/\0")[:250])
    .flatmap(lambda name: st.sampled_from([b".yaml", b".yml", b".json", b".YAML"]).map(lambda end: name + end))
    .map(os.fsdecode)
    .filter(is_config_name)
)


@settings(max_examples=25, deadline=None)
@given(
    things=st.dictionaries(names, st.sampled_from(["file", "file", "empty file", *KINDS]), max_size=6),
    rejects=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_whatever_is_dropped_is_filed_as_it_was(things, rejects):
    with tempfile.TemporaryDirectory() as home:
        folder = WatchFolder(Path(home, "watch"), Path(home, "snapshots"))
        folder.prepare()
        outside = Path(home, "outside", "secret.yaml")
        outside.parent.mkdir()
        outside.write_bytes(SECRET)
        dropped = Counter()
        wrong = itertools.cycle(rejects)
        for run in ("r1", "r2"):  # the second time, all names are taken
            for name, kind in things.items():
                path = folder.path / name
                if kind in KINDS:
                    make(kind, path, outside)
                else:
                    drop(folder.path, name, f"{run} {name!a}" if kind == "file" else "", age=60)
                dropped[repr(described(path))] += 1
            for claim in folder.claim(run, nobody):
                error = str(claim.problem) if claim.problem else "wrong" if next(wrong) else None
                place = folder.file_away(claim, run, error)
                assert place.parent.name == ("rejected" if error else "done")
        assert lying(folder, "") == []
        assert Counter(repr(described(path)) for path in lying(folder, "done", "rejected")) == dropped
        explained = list((folder.path / "rejected").glob("*.error.txt"))
        assert len(explained) == len(lying(folder, "rejected"))
        assert [path.read_bytes() for path in outside.parent.iterdir()] == [SECRET]
