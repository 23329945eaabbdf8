"""Model servers to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.serving.app import create_app
from dropforge.serving.models import ServedModel
from tests.dropforge.servers import fixed, running
from tests.dropforge.wine import WINE, copy_project, crown, version_of


@pytest.fixture
def model(store: Store) -> ServedModel:
    """The place of a pipeline that has no champion yet."""
    return ServedModel(store, WINE)


@pytest.fixture
def client(model: ServedModel, serve: Callable[..., str]) -> Iterator[httpx.Client]:
    """A client of a server that follows nobody by itself."""
    with httpx.Client(base_url=serve({"wine": model}), timeout=60) as client:
        yield client


@pytest.fixture
def swapping(store: Store, client: httpx.Client) -> httpx.Client:
    """A client of a server that answers with version 2, for tests that change that."""
    crown(store, 2)
    assert client.post("/models/wine/swap").json() == {"version": "2"}
    return client


@pytest.fixture(scope="module")
def answering(shelf: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that answers with version 2 all the time."""
    store = Store.connect(copy_project(shelf.state / "mlflow.db", tmp_path_factory.mktemp("answering")))
    crown(store, 2)
    with (
        running(create_app(fixed({"wine": ServedModel(store, WINE)}), follow_seconds=60)) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        client.post("/models/wine/swap").raise_for_status()
        yield client


@pytest.fixture(scope="module")
def tree(shelf: Project) -> Any:
    """The estimator of version 2."""
    store = Store.connect(shelf)
    return load(store, version_of(store, 2)).estimator
