"""Files are written whole, and a disk's refusal becomes a message. The refusals of real disks: folder/test_disk.py."""

import errno
import os
import shutil

import pytest

from dropforge.documents import check_disk, explain, write_whole, written


def refused(code, *files):
    return OSError(code, os.strerror(code), *files)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the quota of this disk is used up"),
        (errno.EROFS, "this file system is read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_refusal_names_the_file_and_a_remedy(code, message):
    problem = explain(refused(code, "/x/y"))
    assert (problem.file, problem.message) == ("/x/y", message)
    assert "then try again" in problem.remedy


def test_a_folder_or_a_file_in_the_way_is_explained(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for act, file in (
        (lambda: write_whole(tmp_path / "folder", b""), tmp_path / "folder"),
        (lambda: (tmp_path / "file" / "x" / "y").mkdir(parents=True), tmp_path / "file"),
        (lambda: (tmp_path / "file").mkdir(exist_ok=True), tmp_path / "file"),
    ):
        with pytest.raises(OSError, match=r"irectory|exists") as caught:
            act()
        problem = explain(caught.value)
        assert problem.file == str(file)
        assert "is in the way" in problem.message
        assert problem.remedy.startswith("Move it away, or name another place, then try again")


def test_what_was_in_the_way_and_handled_is_not_what_went_wrong():
    error = ValueError("it went wrong")
    error.__context__ = refused(errno.EEXIST, "/x")
    assert explain(error) is None


def test_of_a_copy_the_file_that_was_written_is_named():
    assert explain(refused(errno.ENOSPC, "/from", None, "/to")).file == "/to"


def test_where_no_file_is_named_the_folder_is(tmp_path):
    assert explain(refused(errno.ENOSPC), tmp_path).file == str(tmp_path)


def test_what_caused_an_error_counts():
    error = ValueError("it went wrong")
    error.__cause__ = refused(errno.ENOSPC, "/x")
    assert explain(error).file == "/x"


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), FileNotFoundError(errno.ENOENT, "gone", "/x"), PermissionError(errno.EACCES, "port 80")],
    ids=["no error of a disk", "no file", "no right to something else"],
)
def test_other_errors_are_not_explained(error, tmp_path):
    assert explain(error) is None
    assert explain(error, tmp_path) is None


def test_a_folder_that_takes_a_file_is_well_and_stays_as_it_is(tmp_path):
    assert check_disk(tmp_path / "not" / "yet" / "there") is None
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_fails_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "a", b"old")
    with pytest.raises(shutil.Error), written(tmp_path / "a", b"new"):
        raise shutil.Error
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_two_files_of_a_folder_can_be_written_at_once(tmp_path):
    with written(tmp_path / "a", b"1"):
        write_whole(tmp_path / "b", b"2")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"1", "b": b"2"}
