"""The warm executor: what its workers inherit, and what becomes of a task whose worker is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest
from airflow.executors.base_executor import BaseExecutor
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from dropforge.airflow import executor as module
from dropforge.airflow.executor import WarmLocalExecutor
from dropforge.project import Project
from tests.waiting import until

pytestmark = pytest.mark.slow

# In a process of its own: this one has imported what other tests need. An estimator of each kind of fit is enough.
FIRST_CANDIDATE = """
import sys, threading
from dropforge.airflow.executor import warm_up
from dropforge.project import Project

warm_up()
assert threading.active_count() == 1  # a fork would not inherit another, and might inherit its locks
inherited = set(sys.modules)
from tests.dropforge.wine import FOREST, WINE, train_config
from dropforge.data import load
from dropforge.training import train as module
from dropforge.training.apart import Apart

serve = Apart.run
def run(self, *arguments):
    function = self.function
    def tell(*arguments):
        outcome = function(*arguments)
        print("IMPORTED", *sorted(set(sys.modules) - inherited))
        return outcome
    self.function = tell
    return serve(self, *arguments)
Apart.run = run

project = Project(__import__("pathlib").Path(sys.argv[1]))
assert train_config(FOREST, load(WINE.data, project.home), project).status == "trained"
"""
# Whose modules a first candidate needs wherever MLflow is; others are those of the store without a server.
WATCHED = ("PIL", "matplotlib", "narwhals", "numpy", "pandas", "pyarrow", "scipy", "skops", "sklearn", "dropforge")


def test_first_candidate_of_a_worker_imports_nothing_more(project: Project) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-c", FIRST_CANDIDATE, str(project.home)],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED")]
    assert [name for name in line.split()[1:] if name.partition(".")[0] in WATCHED] == []


@dataclass(frozen=True)
class Work:
    """A task, as the scheduler hands it over."""

    key: TaskInstanceKey
    running_state = None
    success_state = TaskInstanceState.SUCCESS
    failure_state = TaskInstanceState.FAILED
    display_name = "a task"


GO = multiprocessing.Event()
GO.set()


def run(work: Work, **_: object) -> None:
    """Kill the worker that has this in its hands, if that is the task."""
    GO.wait(60)
    if work.key.task_id == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[WarmLocalExecutor]:
    """An executor with one worker."""
    monkeypatch.setattr(module, "warm_up", lambda: None)
    monkeypatch.setattr(BaseExecutor, "run_workload", staticmethod(run))
    executor = WarmLocalExecutor(parallelism=1)
    executor.start()
    yield executor
    executor.end()


def test_task_of_a_killed_worker_fails_at_once_and_the_next_one_finds_a_new_worker(
    one_worker: WarmLocalExecutor,
) -> None:
    for name, state in (("killed", TaskInstanceState.FAILED), ("next", TaskInstanceState.SUCCESS)):
        work = Work(TaskInstanceKey("dag", name, "run"))
        one_worker.queued_tasks[work.key] = work
        one_worker._process_workloads([work])

        def told(key: TaskInstanceKey = work.key) -> bool:
            one_worker.sync()
            return key in one_worker.event_buffer

        until(told)
        assert one_worker.event_buffer[work.key][0] == state


def test_no_more_is_taken_than_there_are_workers_for(one_worker: WarmLocalExecutor) -> None:
    for name, until_free in (("ends", lambda work: until(lambda: ended(one_worker, work))), ("lost", None)):
        work = Work(TaskInstanceKey("dag", name, "run"))
        assert one_worker.slots_available == 1
        one_worker.queued_tasks[work.key] = work
        assert one_worker.slots_available == 0
        one_worker._process_workloads([work])
        assert one_worker.slots_available == 0
        if until_free:
            until_free(work)
        else:
            one_worker.revoke_task(ti=work)  # as Airflow does with what came to no worker
    assert one_worker.slots_available == 1


def ended(executor: WarmLocalExecutor, work: Work) -> bool:
    executor.sync()
    return work.key in executor.event_buffer


def test_executor_waits_until_a_task_ends_or_its_worker_does(
    one_worker: WarmLocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[list[Any]] = []

    def wait_and_see(what: list[Any], _: float) -> None:
        GO.set()
        woken.append(wait(what, 60.0))

    monkeypatch.setattr(module, "wait", wait_and_see)
    for name in ("ends", "killed"):
        GO.clear()
        before = len(woken)
        work = Work(TaskInstanceKey("dag", name, "run"))
        one_worker.queued_tasks[work.key] = work
        one_worker._process_workloads([work])
        one_worker.sync()
        assert len(woken) == before, "there may be more to hand over"
        until(lambda work=work: ended(one_worker, work))  # type: ignore[misc]
        assert len(woken) > before
        one_worker.event_buffer.clear()
    assert all(woken), "it was the time that ended a wait"
