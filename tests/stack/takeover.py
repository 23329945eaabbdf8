"""How long a killed part of the stack is missing, in seconds."""

import time
from datetime import datetime

import httpx
import psutil

from tests.stack.exactly_once import PIPELINE, config, drop_and_hold
from tests.stack.killing import kill
from tests.stack.project import until

PARTS = ("scheduler", "triggerer", "api-server", "dag-processor", "mlflow", "server")


def take_over(project, part, number):
    """Kill a part at the moment of a drop.

    Returns
    -------
    float
        Until the new one says that it does its work.
    float
        Until the dropped config is registered.
    """
    file = f"takeover {part} {number}.yaml"
    project.drop(PIPELINE, **{file.replace(".", "_"): config(number)})
    started = time.monotonic()
    kill(project, part)
    new = psutil.Process(project.record()["parts"][part]["pid"]).create_time()
    until(lambda: _works(project, part, new), f"{part} works")
    back = time.monotonic() - started
    until(lambda: _is_registered(project, file), f"{file} is registered")
    registered = time.monotonic() - started
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    return back, registered


def run_again(project, victim, number):
    """Kill a task's process or its worker in a fit, and return the seconds until the task runs again."""
    file = f"again {victim} {number}.yaml"
    try:
        held = drop_and_hold(project, "fitting", file, number)
        killed = time.time()
        kill(project, victim, held)
    finally:
        project.points.release()
    label = f"{file}: DecisionTreeClassifier"
    again = until(
        lambda: (task := project.train_task(f"{PIPELINE}_train", label)) and task["try_number"] > 1 and _start(task),
        f"{file} is tried again",
    )
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    return again - killed


def _start(task):
    return task["start_date"] and datetime.fromisoformat(task["start_date"]).timestamp()


def _works(project, part, since):
    """Return whether the part that was started at ``since`` does its work."""
    if part == "mlflow":
        return _answer(f"{project.addresses['mlflow']}/health") is not None
    if part == "server":
        return project.served(PIPELINE) is not None
    health = _answer(f"{project.addresses['airflow']}/api/v2/monitor/health")
    if health is None or part == "api-server":
        return health is not None
    name = part.replace("-", "_")
    beat = health.json()[name][f"latest_{name}_heartbeat"]
    return beat is not None and datetime.fromisoformat(beat).timestamp() > since


def _answer(url):
    try:
        answer = httpx.get(url, timeout=1)
    except httpx.HTTPError:
        return None
    return answer if answer.is_success else None


def _is_registered(project, file):
    if _answer(f"{project.addresses['mlflow']}/health") is None:
        return False
    return any(version.tags["config_file"] == file for version in project.versions(PIPELINE))
