"""Which versions are served: prepared, swapped, followed, and what happens when one cannot be loaded."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.registry import Store, Version
from dropforge.registry.models import load
from dropforge.serving.app import create_app
from dropforge.serving.models import Models, ServedModel, Swap
from dropforge.serving.predictions import VERSION_HEADER
from dropforge.settings import Host, Pipeline, Promote
from tests.dropforge.servers import running
from tests.dropforge.serving.asking import BEER, PREDICT, assert_refused, one_row
from tests.dropforge.wine import WINE, crown, promoting, register_copy, version_of
from tests.waiting import until


def test_version_is_prepared_beside_the_one_that_answers(swapping: httpx.Client, store: Store) -> None:
    assert swapping.post("/models/wine/prepare", json={"version": "3"}).json() == {"prepared": "3"}
    assert swapping.get("/models").json() == {"wine": "2"}
    assert swapping.post("/models/wine/swap").json() == {"version": "2"}  # the alias has not moved
    crown(store, 3)
    assert swapping.post("/models/wine/swap").json() == {"version": "3"}


def _unlink_model(folder: Path) -> None:
    (folder / "model.skops").unlink()


def _break_example(folder: Path) -> None:
    (folder / "input_example.json").write_text('{"columns": ["alcohol"], "data": [[1]]}')


@pytest.mark.parametrize(
    ("damage", "word"),
    [(shutil.rmtree, "gone"), (_unlink_model, "model.skops"), (_break_example, "fails on its own example")],
    ids=["no folder", "no model", "bad example"],
)
def test_bad_version_is_refused_and_the_old_one_stays(
    swapping: httpx.Client, store: Store, rows: Rows, tmp_path: Path,
    damage: Callable[[Path], None], word: str,
) -> None:  # fmt: skip
    version, folder = register_copy(store, 3, tmp_path / "copy")
    damage(folder)
    assert_refused(swapping.post("/models/wine/prepare", json={"version": version.version}), 422, word)
    crown(store, version.number)
    assert_refused(swapping.post("/models/wine/swap"), 422, word)
    assert swapping.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "2"


@pytest.mark.parametrize("version", ["7", "x", "", "2; drop", "-1"])
def test_version_that_does_not_exist_is_refused(answering: httpx.Client, version: str) -> None:
    assert_refused(answering.post("/models/wine/prepare", json={"version": version}), 422, "there is no version")


@pytest.mark.parametrize("body", [b"", b"{no", b"[]", b"{}", b'{"version": 7}'])
def test_bad_request_to_prepare_is_refused(answering: httpx.Client, body: bytes) -> None:
    assert_refused(answering.post("/models/wine/prepare", content=body), 400)


def test_server_follows_the_alias_by_itself(store: Store, serve: Callable[..., str]) -> None:
    with httpx.Client(base_url=serve({"wine": ServedModel(store, WINE)}, follow_seconds=0.05), timeout=60) as client:
        for number in (1, 3, 2):
            store.set_alias(version_of(store, number), "production")
            served = {"wine": str(number)}
            until(lambda served=served: client.get("/models").json() == served)


def test_server_goes_on_answering_while_mlflow_is_away(
    store: Store, rows: Rows, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    crown(store, 2)
    model = ServedModel(store, WINE)
    model.follow()
    model.store = Store("http://127.0.0.1:9")
    with httpx.Client(base_url=serve({"wine": model}, follow_seconds=0.05), timeout=60) as client:
        until(lambda: "the alias cannot be followed" in caplog.text)
        assert client.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "2"
        assert client.get("/ready").json() == {"versions": {"wine": "2"}}
        assert_refused(client.post("/models/wine/swap"), 500)
        model.store = store  # MLflow is back
        store.set_alias(version_of(store, 3), "production")
        assert client.post("/models/wine/swap").json() == {"version": "3"}


@pytest.mark.slow
def test_slow_look_at_the_alias_does_not_bring_an_old_version_back(store: Store) -> None:
    looked, go_on = threading.Event(), threading.Event()

    class SlowOnce(Store):
        def holder(self, name: str, promote: Promote) -> Version | None:
            found = super().holder(name, promote)
            if not looked.is_set():
                looked.set()
                go_on.wait(1)  # or never: the other may have to wait for us
            return found

    slow = SlowOnce(store.uri)
    model = ServedModel(slow, WINE)
    crown(store, 2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(model.follow)
        assert looked.wait(10)
        store.set_alias(version_of(store, 3), "production")
        second = pool.submit(model.follow)
        second.add_done_callback(lambda _: go_on.set())
        first.result()
        second.result()
    assert model.current is not None
    assert model.current.version.version == "3"


def test_prepared_version_is_not_loaded_twice(store: Store) -> None:
    model = ServedModel(store, WINE)
    model.prepare("2")
    crown(store, 2)
    prepared = model._prepared
    swap = model.follow()
    assert swap is not None
    assert (swap.previous, swap.version) == (None, "2")
    assert model.current is prepared
    assert model.follow() is None


def test_app_without_pipelines_lives_and_says_what_to_do(serve: Callable[..., str]) -> None:
    with httpx.Client(base_url=serve({}), timeout=60) as client:
        assert client.get("/health").is_success
        assert client.get("/models").json() == {}
        assert_refused(client.get("/ready"), 503, "no pipeline is hosted", "host.enabled", "dropforge generate")
        assert_refused(client.get("/models/wine"), 404, "This server serves: none")
        assert_refused(client.post("/invocations", json={}), 404, "This server serves: none")


# Pipelines that come, go and change while the server runs


@pytest.mark.slow
def test_pipeline_is_known_when_it_comes_and_forgotten_when_it_goes(store: Store, rows: Rows) -> None:
    crown(store, 2)
    pipelines = [WINE]
    models = Models(store, lambda: pipelines)
    models.look()
    with running(create_app(models, 0.05)) as address, httpx.Client(base_url=address, timeout=60) as client:
        until(lambda: client.get("/models").json() == {"wine": "2"})
        assert client.post("/invocations", content=one_row(rows)).headers[VERSION_HEADER] == "2"
        pipelines = [WINE, BEER]
        until(lambda: client.get("/models").json() == {"wine": "2", "beer": None})
        assert_refused(client.post("/models/beer/swap"), 503, "'beer' has no champion yet")
        assert_refused(client.post("/invocations", content=one_row(rows)), 404)
        assert client.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "2"
        pipelines = [replace(WINE, host=Host(False)), BEER]
        until(lambda: client.get("/models").json() == {"beer": None})
        assert_refused(client.post(PREDICT, content=one_row(rows)), 404, "This server serves: beer")
        assert "dropforge_model_version{" not in client.get("/metrics").text


@pytest.mark.slow
def test_new_pipeline_does_not_wait_for_a_model_that_loads_for_long(store: Store) -> None:
    crown(store, 2)
    loading, go_on = threading.Event(), threading.Event()

    class Slow(Store):
        def holder(self, name: str, promote: Promote) -> Version | None:
            loading.set()
            go_on.wait(60)
            return super().holder(name, promote)

    pipelines = [WINE]
    models = Models(Slow(store.uri), lambda: pipelines)
    models.look()
    with running(create_app(models)) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert loading.wait(60)
        pipelines = [WINE, BEER]
        until(lambda: "beer" in client.get("/models").json())
        go_on.set()


@pytest.mark.slow
def test_pipeline_whose_settings_change_goes_on_answering(store: Store, rows: Rows) -> None:
    crown(store, 2)
    store.set_alias(version_of(store, 3), "best")
    pipelines = [WINE]
    models = Models(store, lambda: pipelines)
    with running(create_app(models, 0.05)) as address, httpx.Client(base_url=address, timeout=60) as client:
        until(lambda: client.get("/models").json() == {"wine": "2"})
        place = models.served["wine"]
        pipelines = [promoting(alias="best")]
        while (answer := client.post(PREDICT, content=one_row(rows))).headers[VERSION_HEADER] != "3":
            assert answer.headers[VERSION_HEADER] == "2"
        assert models.served["wine"] is place


@pytest.mark.slow
def test_pipelines_that_cannot_be_read_change_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    crown(store, 2)
    mistaken, looks = False, 0

    def pipelines() -> list[Pipeline]:
        nonlocal looks
        if mistaken:
            looks += 1
            raise UserError(Problem("the key 'metrik' is unknown", "Did you mean 'metric'?"))
        return [WINE]

    models = Models(store, pipelines)
    with running(create_app(models, 0.05)) as address, httpx.Client(base_url=address, timeout=60) as client:
        until(lambda: client.get("/models").json() == {"wine": "2"})
        mistaken = True
        until(lambda: looks > 2)  # the first two were answered by then
        assert client.get("/models").json() == {"wine": "2"}
    assert [record.message for record in caplog.records if "metrik" in record.message] == [
        "the pipelines cannot be read: the key 'metrik' is unknown\n    Did you mean 'metric'?"
    ]


# A champion that cannot be loaded


@pytest.fixture
def broken(store: Store, tmp_path: Path) -> Version:
    """A champion that cannot be loaded."""
    version, folder = register_copy(store, 1, tmp_path / "gone")
    shutil.rmtree(folder)
    store.set_alias(version, WINE.promote.alias)
    return version


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that were loaded, or tried to."""
    tried: list[str] = []

    def counted(store: Store, version: Version, modules: tuple[str, ...]) -> Any:
        tried.append(version.version)
        return load(store, version, modules)

    monkeypatch.setattr("dropforge.serving.models.load", counted)
    return tried


@pytest.mark.slow
def test_broken_champion_is_tried_again_after_growing_pauses(
    store: Store, broken: Version, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("dropforge.serving.models.monotonic", lambda: now)
    model, tried = ServedModel(store, WINE), []
    for second in range(200):
        now, count = 1000.0 + second, len(loads)
        with pytest.raises(UserError, match="cannot be loaded"):
            model.follow()
        if len(loads) > count:
            tried.append(second)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert set(loads) == {broken.version}


def test_broken_champion_is_tried_at_once_when_asked_and_another_one_always(
    store: Store, broken: Version, loads: list[str], rows: Rows, serve: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("dropforge.serving.models.monotonic", lambda: 1000.0)  # no pause ever ends
    model, looks = ServedModel(store, WINE), []

    def follow(*, at_once: bool = False) -> Swap | None:
        looks.append(at_once)
        return ServedModel.follow(model, at_once=at_once)

    monkeypatch.setattr(model, "follow", follow)
    with httpx.Client(base_url=serve({"wine": model}, follow_seconds=0.02), timeout=60) as client:
        until(lambda: len(looks) > 5)
        assert loads == [broken.version]
        assert_refused(client.post("/models/wine/swap"), 422, "cannot be loaded")
        assert loads == [broken.version] * 2
        store.set_alias(version_of(store, 2), WINE.promote.alias)
        until(lambda: client.get("/models").json() == {"wine": "2"})
        assert client.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "2"
