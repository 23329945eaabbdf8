"""Forty processes write to one SQLite file at once: each gets through, exactly once, and none hears of a lock."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from mlflow.entities import Metric, Param

from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.database import make_database
from dropforge.stack.environment import environment
from dropforge.stack.parts import parts
from dropforge.stack.ports import choose

pytestmark = pytest.mark.slow

WRITERS = 40


def at_once(work: Callable[..., None], project: Project, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
    """Have forty processes do something at the same moment; return the tracebacks of those that failed."""
    context = multiprocessing.get_context("fork")
    ready, errors = context.Barrier(WRITERS, timeout=60), context.SimpleQueue()

    def run(number: int) -> None:
        try:
            ready.wait()
            work(number, project)
        except BaseException:
            errors.put(traceback.format_exc())
        else:
            errors.put("")

    processes = [context.Process(target=run, args=(number,), daemon=True) for number in range(WRITERS)]
    for process in processes:
        process.start()
    meanwhile()
    found = [errors.get() for _ in processes]
    for process in processes:
        process.join()
    return [error for error in found if error]


def log_and_register(number: int, project: Project) -> None:
    """Do what a training does: a run, its values, a version, tags."""
    store = Store.connect(project)
    run = store.client.create_run(store.experiment("wine"), tags={"writer": str(number)})
    for step in range(3):
        metrics = [Metric(f"m{k}", 1.0, 0, step) for k in range(10)]
        store.client.log_batch(run.info.run_id, metrics, [Param(f"p{step}-{k}", "x") for k in range(20)])
    source = f"{run.info.artifact_uri}/model"
    made = store.create_version("wine", source, run.info.run_id, "", {"config_digest": str(number)})
    version = store.version("wine", made)
    assert version
    store.tag(version, {"validation_status": "passed"})
    store.client.set_terminated(run.info.run_id)


def assert_each_once(project: Project) -> None:
    store = Store.connect(project)
    versions = store.search("wine", {"validation_status": "passed"})
    assert sorted(version.number for version in versions) == list(range(1, WRITERS + 1))
    assert Counter(version.tags["config_digest"] for version in versions) == Counter(map(str, range(WRITERS)))
    runs = store.client.search_runs([store.experiment("wine")])
    assert Counter(run.data.tags["writer"] for run in runs) == Counter(map(str, range(WRITERS)))
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {len(run.data.params) for run in runs} == {60}


def test_writers_without_a_server_get_through_once(tmp_path: Path) -> None:
    """The very first to open a project are among them."""
    project = Project(tmp_path)

    def work(number: int, project: Project) -> None:
        make_database(project)
        log_and_register(number, project)

    assert at_once(work, project) == []
    assert_each_once(project)
    assert [path.name for path in project.state.iterdir() if path.is_dir() and path.name.startswith("tmp")] == []


@contextlib.contextmanager
def mlflow_server(project: Project) -> Iterator[str]:
    """Run the stack's MLflow server as the stack starts it, but with one worker: the other may be starting again."""
    addresses, _ = choose("127.0.0.1", dict.fromkeys(("airflow", "mlflow", "server"), 0))
    part = next(part for part in parts(project, addresses) if part.name == "mlflow")
    log = project.state / "mlflow.log"
    settings = {k: v for k, v in environment(project, addresses).items() if "POOL" not in k}  # the tests' own
    command = [*part.command, "--workers", "1"]
    with log.open("wb") as stream, subprocess.Popen(command, env=settings, stdout=stream, stderr=stream) as server:  # noqa: S603
        try:
            deadline = time.monotonic() + 120
            while not part.ready():
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield addresses.mlflow
        finally:
            server.terminate()


def hold_until_all_wait(project: Project, address: str) -> None:
    """Let nobody write until all writers have come: what then stands in line is the worst that can come at once."""
    port = int(address.rpartition(":")[2])

    def connected() -> int:
        found = psutil.net_connections("tcp4")
        return sum(c.status == psutil.CONN_ESTABLISHED and bool(c.laddr) and c.laddr[1] == port for c in found)

    with contextlib.closing(sqlite3.connect(project.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout = 20000")
        connection.execute("BEGIN IMMEDIATE")
        deadline = time.monotonic() + 8  # seconds; MLflow waits for 20
        while connected() < WRITERS and time.monotonic() < deadline:
            time.sleep(0.05)


def test_writers_to_the_server_get_through_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow_server(project) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        # A second try would hide what the first one heard.
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        Store.connect(project).experiment("wine")
        assert at_once(log_and_register, project, lambda: hold_until_all_wait(project, address)) == []
        assert_each_once(project)
    said = (project.state / "mlflow.log").read_text()
    assert "database is locked" not in said
    assert "QueuePool limit" not in said
