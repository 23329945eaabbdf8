"""The MLflow registry in our words: versions of a pipeline, their tags, and the champion."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import mlflow
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.tracking._model_registry.client import ModelRegistryClient
from mlflow.tracking.request_header.databricks_request_header_provider import DatabricksRequestHeaderProvider

from dropforge.project import Project
from dropforge.registry.database import make_database
from dropforge.registry.once import once
from dropforge.registry.runs import ABSENT, EXISTS, INVALID, Runs, quoted
from dropforge.settings import Promote

# What MLflow says where nobody holds an alias.
_NO_ALIAS = ABSENT | {INVALID}


@dataclass(frozen=True)
class Version:
    """A registered version of a pipeline's model."""

    name: str
    version: str
    tags: Mapping[str, str]
    stage: str
    run_id: str | None

    @property
    def number(self) -> int:
        """The version as a number, in the order of registration."""
        return int(self.version)


@dataclass(frozen=True)
class Champion:
    """The champion as alias and as stage; after a crash between the two moves they can differ."""

    by_alias: Version | None
    by_stage: Version | None

    @property
    def version(self) -> Version | None:
        """The champion: the alias is moved first and in one step, so it is the one that counts."""
        return self.by_alias or self.by_stage


class Store(Runs):
    """One connection to MLflow."""

    @classmethod
    def connect(cls, project: Project) -> Store:
        """Return the project's MLflow: the running server, or the embedded store itself when none runs."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Its links would stand among the JSON that a command prints.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        # We pin what a model needs: it is no business of a uv.lock that lies where a command was typed.
        os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
        _look_for_databricks_once()
        address = project.address("mlflow")
        if address is None:
            make_database(project)
        store = cls(address or project.mlflow_store)
        given = os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(store.uri)
        mlflow.set_registry_uri(store.uri)
        if given is None:
            # MLflow sets the variable too, and `Project.address` would take it for the user's wish from then on.
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        store.artifacts = None if address else project.artifacts
        store.locks = project.state / "locks"
        return store

    @cached_property
    def registry(self) -> ModelRegistryClient:
        """The layer below MLflow's client, for what is done to one version.

        The client first reads the whole registered model, with every version, to see that it is no prompt.
        """
        return ModelRegistryClient(self.uri, self.uri)

    def create_version(
        self,
        name: str,
        source: str,
        run_id: str,
        model_id: str,
        tags: Mapping[str, str],
        description: str = "",
        about: str = "",
    ) -> str:
        """Register a logged model and return its version; the tags are there from its first moment.

        ``about`` describes the registered model, where this is its first version.
        """

        def make() -> ModelVersion:
            return self.client.create_model_version(
                name, source, run_id, tags=dict(tags), description=description, model_id=model_id, await_creation_for=0
            )

        def made() -> ModelVersion | None:
            return next(iter(self.client.search_model_versions(f"name='{name}' and run_id='{run_id}'")), None)

        try:
            return str(once(make, made).version)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
        self._create_model(name, about)
        return str(once(make, made).version)

    def _create_model(self, name: str, about: str) -> None:
        try:
            self.client.create_registered_model(name, description=about or None)
        except MlflowException as error:
            if error.error_code not in EXISTS:
                raise

    def find(self, name: str, tags: Mapping[str, str]) -> Version | None:
        """Return the first version that carries all ``tags``, or None."""
        found = self.search(name, tags)
        return min(found, key=lambda version: version.number) if found else None

    def search(self, name: str, tags: Mapping[str, str]) -> list[Version]:
        """Return the versions that carry all ``tags``."""
        conditions = [f"name='{name}'"]
        conditions += [f"tags.{key}={wanted}" for key, value in tags.items() if (wanted := quoted(value))]
        versions: list[Version] = []
        token: str | None = None
        while True:
            page = self.client.search_model_versions(" and ".join(conditions), max_results=1000, page_token=token)
            found = [_version(version) for version in page]
            versions += [version for version in found if tags.items() <= version.tags.items()]
            token = page.token
            if not token:
                return versions

    def version(self, name: str, version: str) -> Version | None:
        """Return one version, or None."""
        if not version.isdecimal():
            return None
        try:
            return _version(self.client.get_model_version(name, version))
        except MlflowException as error:
            if error.error_code in ABSENT:
                return None
            raise

    def metrics(self, version: Version) -> dict[str, float]:
        """Return the metrics of a version's run; none if the run is gone."""
        if not version.run_id:
            return {}
        try:
            return dict(self.client.get_run(version.run_id).data.metrics)
        except MlflowException as error:
            if error.error_code in ABSENT:
                return {}
            raise

    def best_runs(self, experiment: str, metric: str, count: int) -> dict[str, float]:
        """Return the finished runs of an experiment with the highest values of a metric, by run's id, best first."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            return {}
        runs = self.client.search_runs(
            [found.experiment_id],
            "attributes.status = 'FINISHED'",
            max_results=count,
            order_by=[f"metrics.`{metric}` DESC"],
        )
        return {run.info.run_id: run.data.metrics[metric] for run in runs if metric in run.data.metrics}

    def of_runs(self, name: str, run_ids: Iterable[str]) -> list[Version]:
        """Return the versions that were made by some runs, in one call; a run whose version was deleted has none."""
        wanted = ", ".join(f"'{run_id}'" for run_id in run_ids)
        if not wanted:
            return []
        return [
            _version(found) for found in self.client.search_model_versions(f"name='{name}' and run_id IN ({wanted})")
        ]

    def tag(self, version: Version, tags: Mapping[str, str]) -> None:
        """Set tags of a version; what it says already costs no call."""
        for key, value in tags.items():
            if version.tags.get(key) != value:
                self.registry.set_model_version_tag(version.name, version.version, key, value)

    def champion(self, name: str, promote: Promote) -> Champion:
        """Return who holds the alias and who the stage."""
        # Not get_registered_model: it reads every version of the model to find the latest ones.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated, and part of our contract
            for model in self.client.search_registered_models(f"name='{name}'"):
                holder = model.aliases.get(promote.alias)
                staged = (found := _staged(model, promote)) and _version(found)
                if holder and staged and staged.version == str(holder):
                    return Champion(staged, staged)
                return Champion(self.version(name, str(holder)) if holder else None, staged)
        return Champion(None, None)

    def holder(self, name: str, promote: Promote) -> Version | None:
        """Return the champion, or None; where it holds the alias, at a fifth of the cost of `champion`."""
        try:
            return _version(self.client.get_model_version_by_alias(name, promote.alias))
        except MlflowException as error:
            if error.error_code not in _NO_ALIAS:
                raise
        return self.champion(name, promote).version

    def champions(self, pipelines: Mapping[str, Promote]) -> dict[str, str]:
        """Return the version of each pipeline that has a champion; one call for all of them."""
        found: dict[str, str] = {}
        token: str | None = None
        while True:
            page = self.client.search_registered_models(max_results=1000, page_token=token)
            for model in page:
                promote = pipelines.get(model.name)
                if promote is None:
                    continue
                if holder := model.aliases.get(promote.alias):
                    found[model.name] = str(holder)
                elif staged := _staged(model, promote):
                    found[model.name] = str(staged.version)
            token = page.token
            if not token:
                return found

    def set_alias(self, version: Version, alias: str) -> None:
        """Move the alias to ``version``: one step, so that there is a champion at any moment."""
        self.registry.set_registered_model_alias(version.name, alias, version.version)

    def set_stage(self, version: Version, stage: str) -> None:
        """Move ``version`` into the stage, and archive who was there."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.registry.transition_model_version_stage(
                version.name, version.version, stage, archive_existing_versions=True
            )


def _version(found: ModelVersion) -> Version:
    return Version(found.name, str(found.version), dict(found.tags), found.current_stage, found.run_id)


def _staged(model: RegisteredModel, promote: Promote) -> ModelVersion | None:
    """Return the version that is in the stage, of a registered model as a search gives it."""
    return next((version for version in model.latest_versions if version.current_stage == promote.stage), None)


@cache
def _look_for_databricks_once() -> None:
    """Have MLflow see once whether this is a notebook or job of Databricks: it looks for modules at each request."""
    provider = DatabricksRequestHeaderProvider
    provider.in_context = cache(provider.in_context)
