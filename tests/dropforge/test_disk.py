"""A project whose disk is full or read-only: a message says where and what to do, and once it is mended all goes on."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dropforge.cli.main import main
from dropforge.data import Rows
from dropforge.documents import explain
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.database import make_database
from dropforge.registry.models import load
from tests.dropforge.cli.commands import SPEC
from tests.dropforge.disks import Disk, mounted
from tests.dropforge.wine import TREE, train_config, version_of

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024
FULL, READ_ONLY = "the disk is full", "this file system is read-only"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", 16) as found:
        yield found


@pytest.fixture
def home(disk: Disk) -> Path:
    (disk.path / "pipelines.yaml").write_text(SPEC)
    (disk.path / "configs" / "wine").mkdir(parents=True)
    (disk.path / "configs" / "wine" / "tree.yaml").write_bytes(TREE)
    return disk.path


@pytest.fixture
def project(home: Path, migrated: Path) -> Project:
    """A project on the small disk, with an empty store in the mode that `make_database` gives it."""
    found = Project(home)
    found.state.mkdir()
    shutil.copy(migrated, found.database)
    with contextlib.closing(sqlite3.connect(found.database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return found


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the project; return its exit code, and what it and its processes wrote to stderr."""
    monkeypatch.chdir(home)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        capfd.readouterr()
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), capfd.readouterr().err
        return 0, capfd.readouterr().err

    return run


def assert_trained_once(rows: Rows, project: Project) -> None:
    """Assert that a candidate can be trained now, or was, and that nothing of what failed before is left over."""
    assert train_config(TREE, rows, project).status in ("trained", "known")
    assert train_config(TREE, rows, project).status == "known"
    store = Store.connect(project)
    assert [version.version for version in store.search("wine", {})] == ["1"]
    load(store, version_of(store, 1))  # its artifact is whole
    states = Counter(run.info.status for run in store.client.search_runs([store.experiment("wine")]))
    assert states["FINISHED"] == 1
    assert states["RUNNING"] == 0


def test_training_on_a_full_disk_says_so_and_goes_on_later(disk: Disk, project: Project, rows: Rows) -> None:
    """The room that is left decides which step fails: opening the store, making the run, logging it, its artifacts."""
    failed = 0
    for room in range(0, 4 * MEGABYTE, 40 * 1024):
        with disk.full(but=room):
            try:
                train_config(TREE, rows, project)
            except Exception as error:
                problem = explain(error, project.state)
                assert problem
                assert problem.message == FULL
                assert str(problem.file).startswith(str(disk.path))
                failed += 1
            else:
                break  # this much is enough
    assert failed > 1
    assert_trained_once(rows, project)


def test_training_on_a_read_only_disk_says_so_and_goes_on_later(disk: Disk, project: Project, rows: Rows) -> None:
    with disk.read_only():
        with pytest.raises(Exception, match=r"[Rr]ead-?only|unable to open") as caught:
            train_config(TREE, rows, project)
        problem = explain(caught.value, project.state)
        assert problem
        assert problem.message == READ_ONLY
        assert str(problem.file).startswith(str(disk.path))
    assert_trained_once(rows, project)


@pytest.mark.parametrize(("refusing", "message"), [("full", FULL), ("read_only", READ_ONLY)])
def test_an_artifact_folder_that_alone_takes_nothing_is_named(
    project: Project, rows: Rows, refusing: str, message: str
) -> None:
    with mounted(project.state / "artifacts", 8) as artifacts:
        with getattr(artifacts, refusing)():
            with pytest.raises(OSError, match=r"No space left|Read-only") as caught:
                train_config(TREE, rows, project)
            problem = explain(caught.value, project.state / "artifacts")
            assert problem
            assert problem.message == message
            assert str(problem.file).startswith(str(artifacts.path))
        assert_trained_once(rows, project)


def test_a_full_disk_leaves_no_half_of_a_database(disk: Disk, home: Path, rows: Rows) -> None:
    project = Project(home)
    with disk.full(but=256 * 1024):
        with pytest.raises((OSError, RuntimeError)) as caught:
            make_database(project)
        assert FULL in str(explain(caught.value, project.state))
        assert not project.database.exists()
    make_database(project)
    assert_trained_once(rows, project)


@pytest.mark.parametrize(("refusing", "message"), [("full", FULL), ("read_only", READ_ONLY)])
@pytest.mark.parametrize(
    "command",
    [
        "train configs/wine/tree.yaml --pipeline wine",
        "versions wine",
        "generate",
        "up --airflow-port=0 --mlflow-port=0 --server-port=0",
    ],
)
@pytest.mark.usefixtures("project")
def test_command_on_a_disk_that_takes_nothing_is_a_message(
    disk: Disk, run: Run, command: str, refusing: str, message: str
) -> None:
    with getattr(disk, refusing)():
        code, err = run(*command.split())
    assert code == 1
    first, remedy, *rest = err.splitlines()
    assert first.startswith(str(disk.path))
    assert first.endswith(message)
    assert "then try again" in remedy
    assert rest == []


@pytest.mark.usefixtures("project")
def test_command_goes_on_once_there_is_room(disk: Disk, run: Run, home: Path) -> None:
    with disk.full():
        assert run("generate")[0] == 1
        assert [*home.glob("dags_generated/*.yaml"), *home.glob("dags_generated/*.py")] == []
    assert run("generate")[0] == 0
    assert run("generate", "--check")[0] == 0


@pytest.mark.usefixtures("project")
def test_first_training_of_a_project_on_a_full_disk_is_a_message(disk: Disk, home: Path) -> None:
    (home / ".dropforge" / "mlflow.db").unlink()
    command = [sys.executable, "-m", "dropforge.cli.main", "train", "configs/wine/tree.yaml", "--pipeline", "wine"]
    with disk.full():
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert FULL in done.stderr
    assert "Traceback" not in done.stderr
