"""How long a killed part of the stack is missing.

Both functions return seconds since it was killed: until it works again, and until a config is registered that was
dropped at that moment, or that was at work then.
"""

import time
from datetime import datetime

import httpx
import psutil

from tests.stack.exactly_once import CLIENT, PIPELINE, config, drop_and_hold
from tests.stack.killing import kill
from tests.stack.project import until

PARTS = ("scheduler", "triggerer", "api-server", "dag-processor", "mlflow", "server")


def take_over(project, part, number):
    """Kill a part at the moment of a drop; the new one says itself that it works."""
    file = f"takeover {part} {number}.yaml"
    project.drop(PIPELINE, **{file.replace(".", "_"): config(number)})
    started = time.monotonic()
    kill(project, part)
    new = psutil.Process(project.record()["parts"][part]["pid"]).create_time()
    until(lambda: _works(project, part, new), f"{part} works")
    back = time.monotonic() - started
    return back, _registered(project, file) - started


def run_again(project, victim, number):
    """Kill a task's process or its worker in a fit; it works again when the next try runs."""
    file = f"again {victim} {number}.yaml"
    try:
        held = drop_and_hold(project, "fitting", file, number)
        killed, started = time.time(), time.monotonic()
        kill(project, victim, held)
    finally:
        project.points.release()
    label = f"{file}: DecisionTreeClassifier"
    until(lambda: _start(project.train_task(f"{PIPELINE}_train", label)) > killed, f"{file} is tried again")
    return time.time() - killed, _registered(project, file) - started


def _start(task):
    """Return when a task was started; it keeps the time of its last try until the next one."""
    return datetime.fromisoformat(task["start_date"]).timestamp() if task and task["start_date"] else 0


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
        answer = CLIENT.get(url)
    except httpx.HTTPError:
        return None
    return answer if answer.is_success else None


def _registered(project, file):
    """Wait until a config is registered and nobody is at work any more; return when it was registered."""

    def is_registered():
        # MLflow's client would try again for minutes.
        if _answer(f"{project.addresses['mlflow']}/health") is None:
            return False
        return any(version.tags["config_file"] == file for version in project.versions(PIPELINE))

    until(is_registered, f"{file} is registered")
    registered = time.monotonic()
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    return registered
