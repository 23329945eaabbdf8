"""Whoever is killed, at whichever point: each candidate gets one version, each config is filed once, one is served."""

import itertools

import psutil
import pytest

from tests.stack.exactly_once import (
    PIPELINE,
    await_sound,
    be_without_mlflow,
    config,
    drop_and_hold,
    drop_and_kill,
    vacate,
)
from tests.stack.project import until

# Every point, every victim, and the workers most; `make test-soak` kills everybody everywhere.
KILLED_AT = {
    "claimed": "triggerer",
    "fitting": "scheduler",
    "opened": "stack",
    "logged": "mlflow",
    "registered": "worker",
    "filed": "task",
    "measured": "api-server",
    "prepared": "server",
    "aliased": "task",
    "staged": "worker",
}
NUMBERS = itertools.count()


@pytest.mark.parametrize("point", KILLED_AT)
def test_killed_at_any_point_nothing_is_lost_and_nothing_doubled(project, point):
    files, _ = drop_and_kill(project, point, KILLED_AT[point], next(NUMBERS))
    await_sound(project, *files)


def test_idle_workers_that_are_killed_hold_nobody_up(project):
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    for worker in psutil.Process(project.record()["parts"]["scheduler"]["pid"]).children():
        worker.kill()
    vacate(project)
    project.drop(PIPELINE, idle_yaml=config(next(NUMBERS)))
    await_sound(project, "idle.yaml")


def test_a_task_that_is_marked_failed_while_its_run_is_open_leaves_no_run_running(project):
    try:
        held = drop_and_hold(project, "opened", "marked.yaml", next(NUMBERS))
        label = "marked.yaml: DecisionTreeClassifier"
        task = until(lambda: project.train_task(f"{PIPELINE}_train", label), "the task is there")
        where = f"/dags/{PIPELINE}_train/dagRuns/{task['dag_run_id']}/taskInstances/train/{task['map_index']}"
        project.airflow.patch(where, json={"new_state": "failed"}).raise_for_status()
        project.filed(PIPELINE, "marked.yaml", folder="rejected")
        until(lambda: not psutil.pid_exists(held), "what was at work is ended")
    finally:
        project.points.release()
    until(lambda: not project.running(PIPELINE), "no run is RUNNING")


def test_while_mlflow_is_away_configs_wait_and_then_all_is_done_once(project):
    files, _ = be_without_mlflow(project, 20, next(NUMBERS))
    await_sound(project, *files)
