"""Many pipelines in one server, of which few are in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from dropforge.data import Rows
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.serving.app import create_app
from dropforge.serving.models import Models, ServedModel
from dropforge.serving.predictions import VERSION_HEADER
from dropforge.settings import Promote
from tests.dropforge.servers import running
from tests.dropforge.serving.asking import assert_refused, one_row
from tests.dropforge.wine import WINE, crown, version_of
from tests.waiting import until

pytestmark = pytest.mark.slow

COUNT = 100


class SameForAll(Store):
    """A store in which every pipeline has the versions of wine."""

    def holder(self, name: str, promote: Promote):  # type: ignore[no-untyped-def]
        return super().holder("wine", promote)

    def champions(self, pipelines: Mapping[str, Promote]) -> dict[str, str]:
        return dict.fromkeys(pipelines, super().champions({"wine": WINE.promote})["wine"])

    def version(self, name: str, version: str):  # type: ignore[no-untyped-def]
        return super().version("wine", version)


@pytest.fixture
def models(store: Store, request: pytest.FixtureRequest) -> Models:
    """Many pipelines, three of which may be in memory."""
    crown(store, 2)
    pipelines = [replace(WINE, name=f"p{number}") for number in range(request.param)]
    models = Models(SameForAll(store.uri), lambda: pipelines, most=3)
    models.look()
    return models


@pytest.fixture
def client(models: Models) -> Iterator[httpx.Client]:
    """A client of their server."""
    with (
        running(create_app(models, follow_seconds=3600)) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        until(lambda: None not in client.get("/models").json().values(), longest=120)
        yield client


def loaded(models: Models) -> list[str]:
    """Return the pipelines whose models are in memory."""
    return [name for name, model in models.served.items() if model.current]


@pytest.mark.parametrize("models", [COUNT], indirect=True)
def test_hundred_models_answer_while_three_are_in_memory(
    client: httpx.Client, models: Models, store: Store, rows: Rows
) -> None:
    assert client.get("/models").json() == {f"p{number}": "2" for number in range(COUNT)}
    assert len(client.get("/ready").json()["versions"]) == COUNT
    expected = load(store, version_of(store, 2)).estimator.predict(rows.features.head(1)).tolist()
    for number in range(COUNT):
        answer = client.post(f"/models/p{number}/invocations", content=one_row(rows))
        assert (answer.json(), answer.headers[VERSION_HEADER]) == ({"predictions": expected}, "2")
        assert len(loaded(models)) <= 3
    assert loaded(models) == ["p97", "p98", "p99"]  # those that were asked last
    lines = client.get("/metrics").text.splitlines()
    assert "dropforge_models_loaded 3.0" in lines
    assert sum(line.startswith("dropforge_model_version{") for line in lines) == COUNT


@pytest.mark.parametrize("models", [5], indirect=True)
def test_model_that_rests_is_loaded_once_for_all_who_ask(
    client: httpx.Client, models: Models, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.served["p0"].current is None
    count, go_on, own = 0, threading.Event(), ServedModel.wake

    def wake(model: ServedModel):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        assert go_on.wait(30)
        return own(model)

    monkeypatch.setattr(ServedModel, "wake", wake)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(client.post, "/models/p0/invocations", content=one_row(rows)) for _ in range(8)]
        until(lambda: count)
        # Those that are in memory answer meanwhile.
        assert client.post(f"/models/{loaded(models)[0]}/invocations", content=one_row(rows)).is_success
        go_on.set()
        assert {one.result().status_code for one in asked} == {200}
    assert count == 1


@pytest.mark.parametrize("models", [5], indirect=True)
def test_model_that_rests_is_swapped_as_any_other(client: httpx.Client, models: Models, store: Store) -> None:
    assert models.served["p0"].current is None
    store.set_alias(version_of(store, 3), WINE.promote.alias)
    assert client.post("/models/p0/swap").json() == {"version": "3"}
    assert client.get("/models/p0").json()["version"] == "3"


@pytest.mark.parametrize("models", [5], indirect=True)
def test_model_that_rests_while_mlflow_is_away_is_said_to_be_away_for_now(
    client: httpx.Client, models: Models, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    models.served["p0"].store = Store("http://127.0.0.1:9")
    said = "version 2 is not in memory, and MLflow does not answer"
    assert_refused(client.post("/models/p0/invocations", content=one_row(rows)), 503, said)
    assert_refused(client.get("/models/p0"), 503, said)


def test_model_that_rests_comes_from_where_it_was_kept(
    store: Store, desk: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(store, 2)
    model = ServedModel(store, WINE, desk)
    model.follow()
    model.rest()
    assert (model.current, model.version) == (None, version_of(store, 2))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    model.store = Store("http://127.0.0.1:9")
    served = model.wake()
    assert served is not None
    assert served.version.version == "2"
