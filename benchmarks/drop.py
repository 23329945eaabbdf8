"""One drop on an idle stack: to the registered version, and to the model server's answer.

Each drop is a tree with one more leaf than the last, so it becomes champion for sure (:func:`rows.write_staircase`).
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

import httpx

from benchmarks.configs import config
from benchmarks.figures import Aim, Figure
from benchmarks.rows import STEPS
from benchmarks.stack import Options, idle, latest_runs, put, registered, seconds, until
from tests.stack.project import RunningProject

PIPELINE = "drop"
DAGS = ("drop_train", "drop_promote")
WARM_UPS = 2
POLL_SECONDS = 0.05


def run(options: Options) -> list[Figure]:
    """Return both times with p50 and p95, and when Airflow's own time stamps say that each stage was reached."""
    drops = options.size(STEPS - WARM_UPS - 1, 2)
    pause = random.Random(0)  # noqa: S311 - no secret
    measured: list[tuple[float, float, dict[str, float]]] = []
    for number in range(WARM_UPS + drops):
        # Not in step with the loops of scheduler and triggerer, which look every so often.
        time.sleep(pause.uniform(0.5, 2.0))
        found = _drop(options.project, leaves=number + 2)
        options.say(
            f"{number + 1} of {WARM_UPS + drops}: registered after {found[0]:.3f} s, served after {found[1]:.3f} s"
        )
        measured.append(found)
    measured = measured[WARM_UPS:]
    to_registered, to_served, stages = zip(*measured, strict=True)
    return [
        Figure("drop to registered", "s", to_registered, aim=Aim("median", 2.5), percentiles=True),
        Figure("drop to served", "s", to_served, aim=Aim("median", 5.0), percentiles=True),
        *_stages(stages),
    ]


def _drop(project: RunningProject, leaves: int) -> tuple[float, float, dict[str, float]]:
    name = f"leaves-{leaves}.json"
    text = config("tree.DecisionTreeClassifier", max_leaf_nodes=leaves, random_state=0)
    at = put(project.watch(PIPELINE), {name: text})
    served = _await_served(project, name) - at
    (version,) = registered(project, PIPELINE, at, 1)
    # A tick that was queued before the drop may promote its version: the run of its own comes all the same.
    until(lambda: all(_since(project, dag, at) for dag in DAGS), f"a run of each of {', '.join(DAGS)}")
    idle(project, *DAGS)
    return version - at, served, {stage: when - at for stage, when in _time_stamps(project, at)}


def _await_served(project: RunningProject, name: str) -> float:
    """Wait until the model server describes the version of a config, and return when it did."""
    deadline = time.time() + 120
    with httpx.Client(base_url=project.addresses["server"]) as client:
        while time.time() < deadline:
            asked = time.time()
            answer = client.get(f"/models/{PIPELINE}")
            if answer.is_success and answer.json()["config_file"] == name:
                return time.time()
            time.sleep(max(0.0, asked + POLL_SECONDS - time.time()))
    raise TimeoutError(f"{name} is not served")


def _time_stamps(project: RunningProject, since: float) -> Iterator[tuple[str, float]]:
    """Yield the stages of the train run and of the promote run that a drop caused."""
    for dag in DAGS:
        run = min(_since(project, dag, since), key=_queued)
        yield f"run of {dag} queued", _queued(run)
        for task in project.tasks(dag, run["dag_run_id"]):
            if task["start_date"]:
                yield f"{task['task_id']} begins", seconds(task["start_date"])
                yield f"{task['task_id']} done", seconds(task["end_date"])


def _since(project: RunningProject, dag: str, since: float) -> list[dict[str, Any]]:
    """Return the runs of a DAG that were queued since a moment."""
    return [run for run in latest_runs(project, dag) if _queued(run) >= since]


def _queued(run: dict[str, Any]) -> float:
    return seconds(run["queued_at"])


def _stages(measured: tuple[dict[str, float], ...]) -> list[Figure]:
    """Return the stages that every drop went through, in seconds after the drop, in their order."""
    names = [name for name in measured[0] if all(name in stages for stages in measured)]
    found = {name: tuple(stages[name] for stages in measured) for name in names}
    ordered = sorted(found, key=lambda name: statistics.median(found[name]))
    return [Figure(name, "s", found[name]) for name in ordered]
