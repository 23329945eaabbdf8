"""Our store of MLflow's registry tells what MLflow's own does, and reads as many versions of ten thousand as of ten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
from sqlalchemy import event, insert

from dropforge.project import Project
from dropforge.registry.quick import QuickStore


@pytest.fixture
def quick(project: Project) -> QuickStore:
    return QuickStore(f"dropforge:{project.mlflow_store}")


@contextmanager
def loaded() -> Iterator[list[SqlModelVersion]]:
    """Give the versions that are read from the database meanwhile."""
    found: list[SqlModelVersion] = []

    def note(version: SqlModelVersion, _: object) -> None:
        found.append(version)

    event.listen(SqlModelVersion, "load", note)
    try:
        yield found
    finally:
        event.remove(SqlModelVersion, "load", note)


def fill(store: SqlAlchemyStore, name: str, count: int) -> None:
    store.create_registered_model(name)
    rows = [{"name": name, "version": number, "source": "s", "storage_location": "s"} for number in range(1, count + 1)]
    with store.ManagedSessionMaker(read_only=False) as session:
        session.execute(insert(SqlModelVersion), rows)


def test_it_tells_what_mlflow_s_own_store_tells(quick: QuickStore, project: Project) -> None:
    own = SqlAlchemyStore(project.mlflow_store)
    fill(quick, "wine", 6)
    for version, stage in (("2", "Production"), ("3", "Staging"), ("4", "Archived"), ("5", "Archived")):
        quick.transition_model_version_stage("wine", version, stage, archive_existing_versions=False)
    quick.set_registered_model_alias("wine", "production", "2")
    quick.set_registered_model_tag("wine", RegisteredModelTag("a", "b"))
    quick.set_model_version_tag("wine", "2", ModelVersionTag("c", "d"))
    quick.delete_model_version("wine", "6")
    quick.create_registered_model("empty")
    quick.create_registered_model("prompt", [RegisteredModelTag("mlflow.prompt.is_prompt", "true")])
    quick.create_registered_model("it's")
    for name in ("wine", "empty", "prompt", "it's"):
        mine, theirs = quick.get_registered_model(name), own.get_registered_model(name)
        assert told(mine) == told(theirs)
    mine, theirs = quick.search_registered_models(), own.search_registered_models()
    assert [told(model) for model in mine] == [told(model) for model in theirs]
    with pytest.raises(MlflowException, match="not found"):
        quick.get_registered_model("nothing")


def told(model) -> tuple:
    versions = sorted((v.version, v.current_stage, sorted(v.tags.items())) for v in model.latest_versions or [])
    return model.name, model.aliases, model.tags, versions


def test_it_reads_as_few_versions_of_many_as_of_few(quick: QuickStore) -> None:
    counts = []
    for count in (5, 300):
        name = f"m{count}"
        fill(quick, name, count)
        with loaded() as found:
            quick.get_registered_model(name)
        counts.append(len(found))
    assert counts == [1, 1]


def test_mlflow_finds_it_by_the_scheme(project: Project) -> None:
    registry = ModelRegistryStoreRegistry()
    registry.register_entrypoints()
    address = f"dropforge:{project.mlflow_store}"
    assert isinstance(registry.get_store_builder(address)(store_uri=address), QuickStore)


@pytest.mark.slow
def test_who_asks_a_server_imports_no_database() -> None:
    asks = """
import sys
from mlflow import MlflowClient
MlflowClient("http://127.0.0.1:9", "http://127.0.0.1:9")._get_registry_client()
print("mlflow.store.model_registry.sqlalchemy_store" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "False"
