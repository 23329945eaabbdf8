"""A project with a real MLflow store for each test: migrations and training are paid once a session."""

from __future__ import annotations

import importlib
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from dropforge.data import Rows, load
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.serving.app import create_app
from dropforge.serving.models import ServedModel
from tests.dropforge.servers import fixed, running
from tests.dropforge.wine import FOREST, STUMP, TREE, WINE, copy_project, train_config

# A candidate trains in a fork of this process, and finds these imported.
LIBRARIES = ("dropforge.training.log", "dropforge.registry.models", "matplotlib.backends.backend_agg", "mlflow.sklearn")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs an MLflow store as slow: its migrations and first versions alone take ten seconds."""
    for item in items:
        if "migrated" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "DROPFORGE_SERVER", "DROPFORGE_HOME", "DROPFORGE_SPEC"):
            patch.delenv(name, raising=False)
        # The tests look into a store and then train in a fork: no open SQLite connection may pass into that.
        patch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        yield


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The wines, parted."""
    return load(WINE.data, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty MLflow store."""
    for library in LIBRARIES:
        importlib.import_module(library)
    project = Project(tmp_path_factory.mktemp("empty"))
    Store.connect(project).search("nothing", {})
    return project.state / "mlflow.db"


@pytest.fixture
def project(migrated: Path, tmp_path: Path) -> Project:
    """A project whose MLflow store is empty."""
    return copy_project(migrated, tmp_path)


@pytest.fixture(scope="session")
def shelf(migrated: Path, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three versions of wine: 1 is a stump, 2 a tree, 3 a forest. Tests copy its store."""
    project = copy_project(migrated, tmp_path_factory.mktemp("shelf"))
    for config, file in ((STUMP, "stump.yaml"), (TREE, "tree.yaml"), (FOREST, "forest.yaml")):
        assert train_config(config, rows, project, file=file).status == "trained"
    return project


@pytest.fixture
def stocked(shelf: Project, tmp_path: Path) -> Project:
    """A copy of the project with three versions; the artifacts are shared, so leave them as they are."""
    return copy_project(shelf.state / "mlflow.db", tmp_path)


@pytest.fixture(scope="session")
def desk(shelf: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project of `store`: MLflow opens a store that it has seen before ten times as fast."""
    return copy_project(shelf.state / "mlflow.db", tmp_path_factory.mktemp("desk"))


@pytest.fixture
def store(shelf: Project, desk: Project) -> Store:
    """A store with three versions, as new for each test, and no server has kept any of them."""
    shutil.rmtree(desk.state / "served", ignore_errors=True)
    shutil.copy(shelf.state / "mlflow.db", desk.state / "mlflow.db")
    return Store.connect(desk)


@pytest.fixture
def away() -> str:
    """The address of a server that does not run."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a model server: given the models, by pipeline, it returns the address."""
    with ExitStack() as stack:

        def start(models: Mapping[str, ServedModel], follow_seconds: float = 60) -> str:
            return stack.enter_context(running(create_app(fixed(models), follow_seconds)))

        yield start
