"""The baselines: the same candidates with the same fits and the same calls to MLflow, without Airflow around them.

What only a service must do is left out: no look-up whether the candidate was trained before, no lock, no process of
its own with a limit.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from joblib import Parallel, delayed

from benchmarks import configs
from benchmarks.stack import registered
from dropforge.configs import read_candidates
from dropforge.data import Rows, load
from dropforge.estimators import Allowed, build
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.settings import Pipeline
from dropforge.training.evaluate import evaluate
from dropforge.training.fit import fit
from dropforge.training.log import Origin, log
from dropforge.training.prepare import prepare
from tests.stack.project import RunningProject

CORES = os.cpu_count() or 1


def train(file: str, text: str, pipeline: Pipeline, rows: Rows, store: Store) -> None:
    """Fit, measure, log and register the one candidate of a config."""
    (candidate,) = read_candidates(text.encode(), file, Allowed())
    prepared = prepare(candidate.estimator, pipeline.data, rows)
    fitted = fit(build(prepared.tree, pipeline.data.split.seed), rows, file)
    evaluation = evaluate(fitted.estimator, rows, pipeline.promote.metric, file)
    origin = Origin.of(candidate, text.encode(), pipeline, rows, prepared)
    log(store, pipeline, origin, rows, fitted, evaluation)


class Loop:
    """A plain loop: one process, libraries imported, data loaded once.

    Parameters
    ----------
    project : RunningProject
        Where MLflow runs.
    pipeline : str
        Whose settings and data are taken; the versions go into a model of their own.
    """

    def __init__(self, project: RunningProject, pipeline: str) -> None:
        self.project = project
        self.settings = _apart(project, pipeline, "loop")
        self.rows = load(self.settings.data, project.home)
        self.store = Store.connect(Project(project.home))
        for file, text in configs.small(4, seed=9_000).items():  # warm: the first of each kind imports
            train(file, text, self.settings, self.rows, self.store)

    def seconds(self, texts: Mapping[str, str]) -> float:
        """Train all of them, and return the seconds to the last version."""
        at = time.time()
        for file, text in texts.items():
            train(file, text, self.settings, self.rows, self.store)
        return registered(self.project, self.settings.name, at, len(texts))[-1] - at


class Workers:
    """joblib over all cores (loky): processes are up, libraries imported and data loaded before the clock runs.

    Parameters
    ----------
    project, pipeline
        As for :class:`Loop`.
    warm_up : mapping
        Configs to warm the workers with: trained on each.
    """

    def __init__(self, project: RunningProject, pipeline: str, warm_up: Mapping[str, str]) -> None:
        self.project = project
        self.settings = _apart(project, pipeline, "joblib")
        self.pids: set[int] = set()
        while len(self.pids) < CORES:  # joblib does not say who takes which task
            self.pids |= set(self._run(warm_up))

    def seconds(self, texts: Mapping[str, str]) -> float:
        """Train all of them, and return the seconds to the last version."""
        at = time.time()
        self.pids = set(self._run(texts))
        return registered(self.project, self.settings.name, at, len(texts))[-1] - at

    def _run(self, texts: Mapping[str, str]) -> list[int]:
        jobs = (delayed(_in_worker)(file, text, self.settings, self.project.home) for file, text in texts.items())
        return Parallel(n_jobs=CORES, backend="loky")(jobs)


def _in_worker(file: str, text: str, settings: Pipeline, home: Path) -> int:
    rows, store = _state(settings, home)
    train(file, text, settings, rows, store)
    return os.getpid()


@functools.cache
def _state(settings: Pipeline, home: Path) -> tuple[Rows, Store]:
    return load(settings.data, home), Store.connect(Project(home))


def _apart(project: RunningProject, pipeline: str, suffix: str) -> Pipeline:
    return replace(project.spec.pipeline(pipeline), name=f"{pipeline}_{suffix}")
