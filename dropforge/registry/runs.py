"""Experiments and runs of MLflow: made, found, and ended where a process was killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run
from mlflow.exceptions import MlflowException

from dropforge.registry.once import once

# MLflow's UI opens the pages for model training, not those for language models.
_CLASSIC = {"mlflow.experimentKind": "custom_model_development"}
INVALID = "INVALID_PARAMETER_VALUE"
ABSENT = {"RESOURCE_DOES_NOT_EXIST"}
EXISTS = {"RESOURCE_ALREADY_EXISTS"}
# What MLflow says to a run in an experiment that was deleted, or removed for good.
_GONE = ABSENT | {INVALID, "INVALID_STATE"}
_OPEN = ".open"


class Runs:
    """The runs in MLflow, and the locks of a project's candidates."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._experiments: dict[str, str] = {}

    artifacts: str | None = None
    locks: Path | None = None

    def exclusive(self, name: str) -> AbstractContextManager[object]:
        """Return a lock that one process of the project holds at a time; a crash gives it back."""
        if self.locks is None:
            return contextlib.nullcontext()
        self.locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self._lock_file(name))

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own client."""
        return MlflowClient(self.uri, self.uri)

    def experiment(self, name: str) -> str:
        """Return the id of the experiment ``name``; it is made if need be, or restored if it was deleted."""
        if found := self.client.get_experiment_by_name(name):
            if found.lifecycle_stage == LifecycleStage.DELETED:
                self.client.restore_experiment(found.experiment_id)
            return found.experiment_id
        location = f"{self.artifacts}/{name}" if self.artifacts else None
        try:
            return self.client.create_experiment(name, artifact_location=location, tags=_CLASSIC)
        except MlflowException as error:
            if error.error_code not in EXISTS:
                raise
            # Another process was quicker.
            found = self.client.get_experiment_by_name(name)
            if found is None:
                raise
            return found.experiment_id

    @contextlib.contextmanager
    def run(self, experiment: str, key: str, tags: Mapping[str, str], name: str) -> Iterator[Run]:
        """Give a new run of a candidate; it ends with the block, as finished or failed.

        A marker beside the candidate's lock says that a run may be open: where one is found later, the process was
        killed, or MLflow was away.

        Parameters
        ----------
        experiment : str
            The experiment, which is the pipeline's name.
        key : str
            The candidate's digest; the caller holds its lock.
        tags : dict
            The run's tags.
        name : str
            The run's name.
        """
        marker = self._marker(experiment, key)

        def begin() -> Run:
            if marker:
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()
            return self.create_run(experiment, tags, name)

        run = once(begin, lambda: self.end_lost_runs(experiment, key))
        try:
            yield run
        except BaseException:
            self.client.set_terminated(run.info.run_id, "FAILED")
            raise
        else:
            self.client.set_terminated(run.info.run_id, "FINISHED")
        # Not where MLflow could not be told.
        if marker:
            marker.unlink(missing_ok=True)

    def create_run(self, experiment: str, tags: Mapping[str, str], name: str) -> Run:
        """Make a run; its experiment is made, or restored, if need be."""
        if place := self._experiments.get(experiment):
            try:
                return self.client.create_run(place, tags=dict(tags), run_name=name)
            except MlflowException as error:
                if error.error_code not in _GONE:
                    raise  # else it was deleted since it was looked up
        self._experiments[experiment] = place = self.experiment(experiment)
        return self.client.create_run(place, tags=dict(tags), run_name=name)

    def tagged_run(self, experiment: str, tag: str, value: str) -> Run | None:
        """Return the run of an experiment that carries a tag, or None."""
        found, wanted = self.client.get_experiment_by_name(experiment), quoted(value)
        if found is None or wanted is None:
            return None
        return next(iter(self.client.search_runs([found.experiment_id], f"tags.{tag} = {wanted}", max_results=1)), None)

    def end_lost_runs(self, experiment: str, key: str) -> None:
        """End the run that a killed process left open; only who holds the candidate's lock may say so."""
        marker = self._marker(experiment, key)
        if marker and not marker.exists():
            return
        self.end_open_runs(experiment, f"tags.config_digest = '{key}'")
        if marker:
            marker.unlink(missing_ok=True)

    def end_open_runs(self, experiment: str, *conditions: str) -> None:
        """End an experiment's open runs as killed, if they meet all conditions of MLflow's search."""
        if found := self.client.get_experiment_by_name(experiment):
            which = " and ".join(["attributes.status = 'RUNNING'", *conditions])
            for run in self.client.search_runs([found.experiment_id], which):
                self.client.set_terminated(run.info.run_id, "KILLED")

    def sweep_lost_runs(self, experiment: str, patience: float = 10.0) -> None:
        """End the runs of all candidates that nobody trains any more.

        Parameters
        ----------
        experiment : str
            The experiment.
        patience : float
            Seconds to wait for a candidate's lock: who holds it while its run is open is logging, which takes a
            second, or is being ended by Airflow.
        """
        for marker in sorted(self.locks.glob(f"{experiment}-*{_OPEN}")) if self.locks else ():
            key = marker.name.removeprefix(f"{experiment}-").removesuffix(_OPEN)
            with contextlib.suppress(Timeout), FileLock(self._lock_file(f"{experiment}-{key}"), timeout=patience):
                self.end_lost_runs(experiment, key)

    def refuses(self, error: MlflowException, experiment: str) -> bool:
        """Return whether MLflow can never take what was logged: not because the experiment was deleted meanwhile."""
        if error.error_code != INVALID:
            return False
        found = self.client.get_experiment_by_name(experiment)
        return found is not None and found.lifecycle_stage == LifecycleStage.ACTIVE

    def _marker(self, experiment: str, key: str) -> Path | None:
        return self.locks and self.locks / f"{experiment}-{key}{_OPEN}"

    def _lock_file(self, name: str) -> Path:
        if self.locks is None:
            raise ValueError("this store has no folder for locks")
        return self.locks / f"{name}.lock"


def quoted(value: str) -> str | None:
    """Return ``value`` as MLflow's filter takes it; None for one with both kinds of quotes, as it knows no escapes."""
    quote = next((mark for mark in ("'", '"') if mark not in value), None)
    return quote and f"{quote}{value}{quote}"
