"""The real stack, once for all benchmarks: a temporary project on free ports, and what is read off it.

When a version was registered is MLflow's own time stamp of it (milliseconds, the same machine's clock), so that
nobody asks while the clock runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import rows
from tests.stack.project import RunningProject

T = TypeVar("T")

LONGEST_SECONDS = 3600.0
FOREIGN = ("DROPFORGE_", "MLFLOW_", "AIRFLOW_")
DAGS = ("handwritten", "empty")

# One pipeline for each benchmark that needs one. No timer, and nothing hosted beside `drop`: the stack is idle.
SPEC = f"""
version: 1
defaults:
  data: {{source: sklearn.datasets.load_digits, target: target}}
  promote: {{schedule: "@yearly"}}
  host: {{enabled: false}}
pipelines:
  drop:
    data: {{source: {rows.STAIRCASE}, target: target}}
    promote: {{on_new_version: true, metric: accuracy}}
    host: {{enabled: true}}
  forty: {{}}
  thousand: {{train: {{log: minimal}}}}
  large:
    data: {{source: {rows.LARGE}, target: target}}
    train: {{timeout_seconds: {LONGEST_SECONDS:.0f}}}
  five: {{}}
  five_minimal: {{train: {{log: minimal}}}}
"""


@dataclass(frozen=True)
class Options:
    """What a benchmark gets: the running project, small sizes or full, how often at most, and who takes progress."""

    project: RunningProject
    quick: bool
    most: int | None = None
    say: Callable[[str], None] = field(default=lambda text: None)

    def size(self, full: T, quick: T) -> T:
        """Return one of the two."""
        return quick if self.quick else full

    def repetitions(self, full: int, quick: int) -> int:
        """Return how often something is measured: one of the two, or less where the user wants no more."""
        wanted = self.size(full, quick)
        return wanted if self.most is None else min(self.most, wanted)


@contextlib.contextmanager
def running() -> Iterator[RunningProject]:
    """Run the stack in a temporary project, and end what was started, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="dropforge-bench-") as folder:
        project = RunningProject(Path(folder), SPEC)
        # The product as it is: the tests' own hooks into its processes have no place in what is measured.
        project.environment = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        rows.write_staircase(project.home)
        dags = project.home / "dags_generated"
        dags.mkdir()
        for name in DAGS:
            shutil.copyfile(Path(__file__).parent / f"{name}_dag.py", dags / f"{name}.py")
        try:
            with _ends_as_exceptions():
                project.up()
                idle(project, *(f"{pipeline.name}_promote" for pipeline in project.spec.pipelines))
                yield project
        finally:
            _down(project)
        if left := project.strays():
            raise RuntimeError(f"these processes still run: {left}")


@contextlib.contextmanager
def _ends_as_exceptions() -> Iterator[None]:
    """Let a request to end this process (SIGTERM) unwind it, as Ctrl-C does, so that the stack is ended too."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _down(project: RunningProject) -> None:
    try:
        project.down()
    except subprocess.TimeoutExpired:
        project.cli("down")


@dataclass(frozen=True)
class Dropped:
    """When configs were dropped, and when each version was registered (seconds since the epoch, in order)."""

    at: float
    registered: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """From the drop to the last version."""
        return self.registered[-1] - self.at


def drop(project: RunningProject, pipeline: str, configs: Mapping[str, str]) -> Dropped:
    """Drop configs, of one candidate each, at once, and wait until they are filed and the stack is idle again.

    Parameters
    ----------
    project : RunningProject
        The project.
    pipeline : str
        Into whose watch folder.
    configs : mapping
        File names and texts.

    Raises
    ------
    RuntimeError
        If one was rejected, or candidates and versions differ in number.
    """
    at = put(project.watch(pipeline), configs)
    watch, left = project.watch(pipeline), list(configs)

    def filed() -> bool:
        while left and (watch / "done" / left[-1]).exists():
            left.pop()
        if left and (error := watch / "rejected" / f"{left[-1]}.error.txt").exists():
            raise RuntimeError(error.read_text())
        return not left

    until(filed, f"{len(configs)} configs of {pipeline} in done/")
    idle(project, f"{pipeline}_train", f"{pipeline}_promote")
    return Dropped(at, registered(project, pipeline, at, len(configs)))


def put(watch: Path, configs: Mapping[str, str]) -> float:
    """Move configs into a watch folder, as an upload would, and return when."""
    for name, text in configs.items():
        (watch / f".{name}").write_text(text)
    at = time.time()
    for name in configs:
        (watch / f".{name}").rename(watch / name)
    return at


def registered(project: RunningProject, model: str, since: float, count: int) -> tuple[float, ...]:
    """Return when each version of a model was registered that is younger than ``since``, in order.

    Raises
    ------
    RuntimeError
        If there are not ``count`` of them.
    """
    # One more than expected, so that one too many is seen.
    newest = project.mlflow.search_model_versions(
        f"name='{model}'", max_results=count + 1, order_by=["version_number DESC"]
    )
    times = sorted(at for version in newest if (at := version.creation_timestamp / 1000) >= since)
    if len(times) != count:
        raise RuntimeError(f"{model}: {len(times)} versions were registered instead of {count}")
    return tuple(times)


def latest_runs(project: RunningProject, dag: str) -> list[dict[str, Any]]:
    """Return a DAG's newest runs, newest first."""
    answer = project.airflow.get(f"/dags/{dag}/dagRuns", params={"order_by": "-id", "limit": 20})
    return answer.raise_for_status().json()["dag_runs"]


def seconds(text: str) -> float:
    """Return a time that Airflow says, in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def idle(project: RunningProject, *dags: str) -> None:
    """Wait until no run of the DAGs is at work."""

    def at_work(dag: str) -> bool:
        return any(run["state"] in ("running", "queued") for run in latest_runs(project, dag))

    until(lambda: not any(at_work(dag) for dag in dags), f"no run of {', '.join(dags)}")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds. It is asked twice a second only, as no time is read off it: asking takes cores.

    Raises
    ------
    TimeoutError
        If it does not hold within an hour; ``what`` says what was awaited.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {LONGEST_SECONDS:.0f} s still not so: {what}")
        time.sleep(0.5)
