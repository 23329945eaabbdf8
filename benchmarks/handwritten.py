"""Five models, from drop to the last version, against a DAG as people write it by hand, in the same Airflow."""

from __future__ import annotations

import time

from benchmarks.configs import five
from benchmarks.empty import empty, figure, ready
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop, idle, latest_runs, registered, until
from tests.stack.project import RunningProject

FULL, MINIMAL, DAG = "five", "five_minimal", "handwritten"


def run(options: Options) -> list[Figure]:
    """Return the seconds to the last version, beside those of the handwritten DAG from its trigger."""
    project = options.project
    until(lambda: project.airflow.get(f"/dags/{DAG}").is_success, f"Airflow knows {DAG}")
    for pipeline in (FULL, MINIMAL):
        drop(project, pipeline, five(8_000))  # warm
    ready(project)
    full, minimal, theirs, airflows = alternate(
        options.repetitions(3, 1),
        options.say,
        lambda number: drop(project, FULL, five(number)).seconds,
        lambda number: drop(project, MINIMAL, five(number)).seconds,
        lambda number: _by_hand(project, number),
        lambda number: empty(project, len(five(number)), number),
    )
    beside, aim = ("handwritten DAG", theirs), Aim("ratio", 1 / 10)
    return [
        Figure("5 configs to the last version", "s", full, *beside, aim),
        # No plots and curves, which the handwritten one does not have either.
        Figure("5 configs to the last version, log: minimal", "s", minimal, *beside, aim),
        figure(5, airflows),
    ]


def _by_hand(project: RunningProject, number: int) -> float:
    """Trigger the handwritten DAG over the same five files, and return the seconds to its last version."""
    folder = project.home / "by_hand" / str(number)
    folder.mkdir(parents=True)
    for name, text in five(number).items():
        (folder / name).write_text(text)
    at = time.time()
    conf = {"folder": str(folder), "model_name": DAG}
    project.airflow.post(f"/dags/{DAG}/dagRuns", json={"logical_date": None, "conf": conf}).raise_for_status()
    idle(project, DAG)
    if (state := latest_runs(project, DAG)[0]["state"]) != "success":
        raise RuntimeError(f"the handwritten DAG's run ended as {state}")
    return registered(project, DAG, at, len(five(number)))[-1] - at
