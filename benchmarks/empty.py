"""What Airflow alone takes from a drop to the end of the last task: the same DAG, with tasks that do nothing."""

from __future__ import annotations

from benchmarks.figures import Figure
from benchmarks.stack import idle, latest_runs, put, seconds, until
from tests.stack.project import RunningProject

DAG = "empty"


def ready(project: RunningProject) -> None:
    """Wait until Airflow knows the DAG, and run it once."""
    until(lambda: project.airflow.get(f"/dags/{DAG}").is_success, f"Airflow knows {DAG}")
    empty(project, 1, -1)


def empty(project: RunningProject, tasks: int, number: int) -> float:
    """Drop a file, and return the seconds to the end of the last of so many mapped tasks.

    Parameters
    ----------
    project : RunningProject
        The project.
    tasks : int
        How many.
    number : int
        Makes the file's name its own.
    """
    at = put(project.home / "configs" / DAG, {f"{tasks}-{number}.json": "{}"})

    def begun() -> bool:
        return any(seconds(run["queued_at"]) >= at for run in latest_runs(project, DAG))

    until(begun, f"a run of {DAG}")
    idle(project, DAG)
    run = latest_runs(project, DAG)[0]
    ends = [seconds(task["end_date"]) for task in project.tasks(DAG, run["dag_run_id"]) if task["task_id"] == "train"]
    if run["state"] != "success" or len(ends) != tasks:
        raise RuntimeError(f"the empty DAG's run ended as {run['state']} with {len(ends)} tasks")
    return max(ends) - at


def figure(tasks: int, values: tuple[float, ...]) -> Figure:
    """Return the figure for so many tasks."""
    return Figure(f"of that Airflow's own: {tasks} tasks that do nothing", "s", values)
