"""Only whole configs are seen, oldest first."""

import os
import subprocess
import sys

import pytest

from dropforge.folder import SETTLE_SECONDS, arrivals, is_config_name
from dropforge.folder.files import _tells_of_writers, is_quiet, unsettled
from tests.dropforge.folder.drops import KINDS, aged, arrived, drop, is_whole, make

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a file open")


@pytest.mark.parametrize(
    ("name", "is_config"),
    [
        ("a.yaml", True),
        ("a.yml", True),
        ("a.json", True),
        ("A.YAML", True),
        ("two words.yaml", True),
        ("漢字\n.json", True),
        (".a.yaml", False),
        ("~a.yaml", False),
        ("a.yaml~", False),
        ("a.yaml.part", False),
        ("a.yaml.swp", False),
        ("a.yaml.error.txt", False),
        ("a.txt", False),
        ("yaml", False),
        (".yaml", False),
    ],
)
def test_a_config_has_its_suffix_and_no_temporary_name(name, is_config):
    assert is_config_name(name) is is_config


def test_a_file_is_whole_once_it_has_been_quiet(tmp_path):
    assert not is_whole(drop(tmp_path, "a.yaml", age=0.1))
    assert is_whole(drop(tmp_path, "a.yaml", age=1))


def test_an_empty_file_is_given_more_time(tmp_path):
    assert not is_whole(drop(tmp_path, "a.yaml", "", age=5))
    assert is_whole(drop(tmp_path, "a.yaml", "", age=60))


def test_a_time_to_come_holds_no_file_back(tmp_path):
    path = drop(tmp_path, "a.yaml", age=-86400)
    assert is_quiet(path.lstat(), settle=0)
    assert not is_quiet(path.lstat(), settle=30)


@linux
def test_a_file_that_is_held_open_for_writing_is_not_whole(tmp_path):
    path = drop(tmp_path, "a.yaml", "class: SVC\n")
    with path.open("a"):
        assert not is_whole(path)
    assert is_whole(path)
    with path.open():
        assert is_whole(path)


@linux
@pytest.mark.parametrize(("kind", "is_told"), [("ext4", True), ("nfs4", False), ("", True)])
def test_where_a_server_keeps_the_files_a_refused_lease_says_nothing(tmp_path, monkeypatch, kind, is_told):
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"1 0 0:0 / / rw - ext4 x rw\n2 1 {number} / /w\\040w rw shared:1 - {kind} s:/ rw\n" if kind else ""
    )
    monkeypatch.setattr("dropforge.folder.files._MOUNTS", mounts)
    _tells_of_writers.cache_clear()
    path = drop(tmp_path, "a.yaml", "class: SVC\n")
    try:
        with path.open("a"):
            assert is_whole(path) is not is_told
    finally:
        _tells_of_writers.cache_clear()


WRITER_COMES_WHILE_WE_ASK = """
import fcntl, os, pathlib, sys
from dropforge.folder import arrivals

path, real = pathlib.Path(sys.argv[1]), fcntl.fcntl

def ask(descriptor, command, argument=0):
    result = real(descriptor, command, argument)
    if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_RDLCK):
        try:
            os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except BlockingIOError:
            print("a writer came")
    return result

fcntl.fcntl = ask
arrivals(path.parent)
print("and we live")
"""


@linux
def test_a_writer_who_comes_in_that_moment_does_not_end_the_process(tmp_path):
    path = drop(tmp_path, "a.yaml")
    command = [sys.executable, "-c", WRITER_COMES_WHILE_WE_ASK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout.split("\n")[:2]) == (0, ["a writer came", "and we live"])


def test_what_has_the_name_of_a_config_and_is_no_file_is_seen_as_well(tmp_path):
    watch = tmp_path / "watch"
    watch.mkdir()
    paths = [make(kind, watch / f"{kind}.yaml", tmp_path / "outside") for kind in KINDS]
    aged(make("folder", watch / "subfolder", tmp_path))
    assert sorted(arrived(watch)) == sorted(paths)


def test_a_folder_that_somebody_may_be_filling_is_given_more_time(tmp_path):
    path = make("folder", tmp_path / "a.yaml", tmp_path)
    assert not is_whole(aged(path, 5))
    assert is_whole(aged(path, 60))


def test_whole_files_come_oldest_first(tmp_path):
    paths = [drop(tmp_path, name, age=age) for name, age in (("c.yaml", 30), ("a.json", 20), ("b.yml", 10))]
    drop(tmp_path, "half.yaml", age=0)
    drop(tmp_path, "notes.txt")
    drop(tmp_path / "done", "filed.yaml")
    assert arrived(tmp_path) == paths
    assert [arrival.path for arrival in arrivals(tmp_path) if arrival.is_closed] == [*paths, tmp_path / "half.yaml"]


def test_how_long_it_takes_until_all_is_whole(tmp_path):
    drop(tmp_path, "whole.yaml")
    drop(tmp_path, "empty.yaml", "", age=0)  # somebody may be slow to write it
    drop(tmp_path, "notes.txt", age=0)
    make("folder", tmp_path / "folder.yaml", tmp_path)
    assert unsettled(tmp_path) == 0
    drop(tmp_path, "young.yaml", age=SETTLE_SECONDS / 2)
    assert 0 < unsettled(tmp_path) <= SETTLE_SECONDS / 2
    drop(tmp_path, "new.yaml", age=0)
    assert SETTLE_SECONDS / 2 < unsettled(tmp_path) <= SETTLE_SECONDS


def test_a_file_that_is_taken_back_meanwhile_is_no_error(tmp_path, monkeypatch):
    def gone(name):
        (tmp_path / name).unlink()
        return True

    drop(tmp_path, "a.yaml")
    with monkeypatch.context() as patch:
        patch.setattr("dropforge.folder.files.is_config_name", gone)
        assert arrivals(tmp_path) == []
        drop(tmp_path, "a.yaml", age=0)
        assert unsettled(tmp_path) == 0
