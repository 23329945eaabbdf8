"""The model server over HTTP: what it answers, what it refuses, and how it changes versions."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.project import Project
from dropforge.registry import Champion, Store, Version
from dropforge.registry.models import load
from dropforge.serving.app import VERSION_HEADER, create_app
from dropforge.serving.models import Models, ServedModel
from dropforge.settings import Host, Pipeline, Promote
from tests.dropforge.servers import fixed, running
from tests.dropforge.wine import WINE, copy_project, crown, promoting, register_copy, version_of

PREDICT = "/models/wine/invocations"
BEER = replace(WINE, name="beer")


@pytest.fixture
def model(store: Store) -> ServedModel:
    """The place of a pipeline that has no champion yet."""
    return ServedModel(store, WINE)


@pytest.fixture
def client(model: ServedModel, serve: Callable[..., str]) -> Iterator[httpx.Client]:
    """A client of a server that follows nobody by itself."""
    with httpx.Client(base_url=serve({"wine": model})) as client:
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
        httpx.Client(base_url=address) as client,
    ):
        client.post("/models/wine/swap").raise_for_status()
        yield client


@pytest.fixture(scope="module")
def tree(shelf: Project) -> Any:
    """The estimator of version 2."""
    store = Store.connect(shelf)
    return load(store, version_of(store, 2)).estimator


def assert_refused(answer: httpx.Response, status: int, *words: str) -> None:
    """The answer is an error in the one shape, says these words, and shows nothing of the code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"status", "message", "remedy"}
    assert error["status"] == status
    assert error["message"]
    assert error["remedy"]
    for word in words:
        assert word in f"{error['message']} {error['remedy']}"
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PREDICT),
        ("POST", "/invocations"),
        ("POST", "/models/wine/swap"),
        ("GET", "/models/wine"),
        ("GET", "/ready"),
    ],
)
def test_without_a_champion_the_answer_says_what_to_do(client: httpx.Client, method: str, path: str) -> None:
    assert_refused(client.request(method, path), 503, "'wine' has no champion yet", "Drop a config into configs/wine")


def test_champion_that_cannot_be_loaded_is_named_as_the_reason(
    store: Store, tmp_path: Path, serve: Callable[..., str]
) -> None:
    broken, folder = register_copy(store, 1, tmp_path / "gone")
    shutil.rmtree(folder)
    store.set_alias(broken, WINE.promote.alias)
    with httpx.Client(base_url=serve({"wine": ServedModel(store, WINE)}, follow_seconds=0.05)) as client:
        while "no champion yet" in (answer := client.post(PREDICT, json={})).text:
            time.sleep(0.02)
        assert_refused(answer, 503, f"version {broken.version} of 'wine' cannot be loaded", "Train it again")


def test_server_without_a_champion_lives(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/models").json() == {"wine": None}


def _split(rows: pd.DataFrame) -> Any:
    return {"dataframe_split": rows.to_dict(orient="split", index=False)}


BODIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "dataframe_split": _split,
    "dataframe_records": lambda rows: {"dataframe_records": rows.to_dict(orient="records")},
    "inputs": lambda rows: {"inputs": rows.to_dict(orient="list")},
    "instances": lambda rows: {"instances": rows.to_dict(orient="records")},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", [PREDICT, "/invocations"])
def test_answer_is_what_the_estimator_predicts(
    answering: httpx.Client, tree: Any, rows: Rows, body: Callable[[pd.DataFrame], Any], path: str
) -> None:
    answer = answering.post(path, json=body(rows.features))
    assert answer.json() == {"predictions": tree.predict(rows.features).tolist()}
    assert answer.headers[VERSION_HEADER] == "2"


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8"])
def test_csv_is_answered_too(answering: httpx.Client, tree: Any, rows: Rows, content_type: str) -> None:
    answer = answering.post(PREDICT, content=rows.features.to_csv(index=False), headers={"content-type": content_type})
    assert answer.json() == {"predictions": tree.predict(rows.features).tolist()}
    assert answer.headers[VERSION_HEADER] == "2"


def test_order_of_the_columns_does_not_matter_and_others_are_ignored(
    answering: httpx.Client, tree: Any, rows: Rows
) -> None:
    turned = rows.features[rows.features.columns[::-1]].assign(price=1)
    answer = answering.post(PREDICT, json=_split(turned))
    assert answer.json() == {"predictions": tree.predict(rows.features).tolist()}


def one_row(rows: Rows, **changes: Any) -> bytes:
    """Return a request of one row; a column that is changed to ``...`` is left out."""
    row = {**rows.features.iloc[0].to_dict(), **changes}
    row = {name: value for name, value in row.items() if value is not ...}
    return json.dumps({"dataframe_records": [row]}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["JSONDecodeError"]),
        (b"{no", ["JSONDecodeError", "line 1 column 2"]),
        (b"\xff{}", ["UnicodeDecodeError"]),
        (b"[1, 2]", ["Received a list", "dataframe_split"]),
        (b"7", ["dataframe_split"]),
        (b"null", ["dataframe_split"]),
        (b"{}", ["exactly one of", "dataframe_split"]),
        (b'{"rows": []}', ["exactly one of"]),
        (b'{"inputs": [], "instances": []}', ["exactly one of"]),
        (b'{"messages": []}', ["missing inputs"]),
        (b'{"dataframe_records": []}', ["missing inputs"]),
        (b'{"dataframe_records": 3}', ["must be a list"]),
        (b'{"dataframe_split": "x"}', ["must be a dictionary"]),
        (b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}', ["2 columns passed"]),
        (b'{"dataframe_split": {"data": [[1, 2]]}}', ["missing inputs"]),
        (b'{"instances": [[1], [1, 2]]}', ["inhomogeneous"]),
        (b'{"inputs": {"alcohol": [1, 2], "ash": [1]}}', ["same length"]),
        (b'{"inputs": null}', ["missing inputs"]),
        (b"[" * 100_000, ["nested too deeply"]),
    ],
)
def test_body_that_is_no_request_is_refused_with_what_to_send(
    answering: httpx.Client, content: bytes, words: list[str]
) -> None:
    assert_refused(answering.post(PREDICT, content=content), 400, *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alcohol": ...}, ["missing inputs ['alcohol']"]),
        ({"alcohol": "much"}, ["could not convert string to float: 'much'"]),
        ({"alcohol": {"a": 1}}, ["not 'dict'"]),
        ({"alcohol": 10**400}, ["too large"]),
        ({"alcohol": float("inf")}, ["the model cannot take these rows", "infinity"]),
    ],
)
def test_row_that_does_not_fit_is_refused_with_the_reason(
    answering: httpx.Client, rows: Rows, changes: dict[str, Any], words: list[str]
) -> None:
    assert_refused(answering.post(PREDICT, content=one_row(rows, **changes)), 400, *words)


def test_bad_body_is_not_sent_back(answering: httpx.Client) -> None:
    answer = answering.post(PREDICT, content=b'{"secret": Error: ' + b"x" * 100_000)
    assert_refused(answer, 400, "JSONDecodeError")
    assert len(answer.content) < 500
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/xml", b"<a/>"),
        ("", b"{}"),
        ("application/json; charset=latin-1", b"{}"),
        ("application/json; version=1", b"{}"),
        (";;;", b"{}"),
    ],
)
def test_content_type_that_is_not_spoken_is_refused(answering: httpx.Client, content_type: str, content: bytes) -> None:
    answer = answering.post(PREDICT, content=content, headers={"content-type": content_type})
    assert_refused(answer, 415, "Send application/json or text/csv")


@pytest.mark.parametrize("content", [b"", b"alcohol\nmuch", b"\xff\xfe", b"a,b\n1,2"])
def test_bad_csv_is_refused(answering: httpx.Client, content: bytes) -> None:
    assert_refused(answering.post(PREDICT, content=content, headers={"content-type": "text/csv"}), 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/models/beer/invocations"),
        ("GET", "/models/beer"),
        ("POST", "/models/beer/prepare"),
        ("POST", "/models/beer/swap"),
    ],
)
def test_unknown_model_is_404_and_the_known_are_named(answering: httpx.Client, method: str, path: str) -> None:
    body = {"version": "1"} if method == "POST" else None
    answer = answering.request(method, path, json=body)
    assert_refused(answer, 404, "there is no pipeline 'beer' here", "This server serves: wine")


def test_unknown_path_and_wrong_method_have_the_same_shape(answering: httpx.Client) -> None:
    assert_refused(answering.get("/nowhere"), 404)
    assert_refused(answering.get(PREDICT), 405)


def test_bug_in_the_server_has_the_same_shape(swapping: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dropforge.serving.app.scoring_server.invocations", lambda *_: 1 / 0)
    answer = swapping.post(PREDICT, json={})
    assert_refused(answer, 500, "Its log says why")
    assert "division" not in answer.text


def test_model_page_names_version_metrics_and_signature(answering: httpx.Client, tree: Any, rows: Rows) -> None:
    told = answering.get("/models/wine").json()
    assert (told["name"], told["version"]) == ("wine", "2")
    assert told["estimator"] == "sklearn.tree.DecisionTreeClassifier"
    assert told["config_file"] == "tree.yaml"
    assert 0.5 < told["metrics"]["test_f1_macro"] <= 1
    assert [column["name"] for column in json.loads(told["signature"]["inputs"])] == list(rows.features)


def test_ready_and_models_name_the_versions(answering: httpx.Client) -> None:
    assert answering.get("/ready").json() == {"versions": {"wine": "2"}}
    assert answering.get("/models").json() == {"wine": "2"}


def test_metrics_count_requests_swaps_and_name_the_version(swapping: httpx.Client, rows: Rows) -> None:
    for content in (one_row(rows), one_row(rows), b"{}"):
        swapping.post(PREDICT, content=content)
    answer = swapping.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'dropforge_requests_total{pipeline="wine",status="200"} 2.0' in lines
    assert 'dropforge_requests_total{pipeline="wine",status="400"} 1.0' in lines
    assert 'dropforge_model_version{pipeline="wine"} 2.0' in lines
    assert 'dropforge_swaps_total{pipeline="wine"} 1.0' in lines
    assert 'dropforge_request_seconds_count{pipeline="wine"} 3.0' in lines


def test_docs_name_every_path(answering: httpx.Client) -> None:
    assert answering.get("/docs").status_code == 200
    paths = answering.get("/openapi.json").json()["paths"]
    assert {
        "/health", "/ready", "/metrics", "/models", "/models/{pipeline}", "/models/{pipeline}/invocations",
        "/models/{pipeline}/prepare", "/models/{pipeline}/swap", "/invocations",
    } == set(paths)  # fmt: skip
    assert all(operation.get("summary") for path in paths.values() for operation in path.values())


def test_short_path_answers_for_a_single_pipeline_only(store: Store, serve: Callable[..., str]) -> None:
    crown(store, 2)
    address = serve({"wine": ServedModel(store, WINE), "beer": ServedModel(store, BEER)})
    with httpx.Client(base_url=address) as client:
        answer = client.post("/invocations", json={})
        assert_refused(answer, 404, "2 pipelines are served here", "This server serves: wine, beer")
        client.post("/models/wine/swap")
        # One that has no champion does not hold the other up, and the server as a whole is not ready.
        assert client.get("/models").json() == {"wine": "2", "beer": None}
        assert_refused(client.get("/ready"), 503, "'beer' has no champion yet")
        assert_refused(client.post("/models/beer/invocations", json={}), 503)


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
    with httpx.Client(base_url=serve({"wine": ServedModel(store, WINE)}, follow_seconds=0.05)) as client:
        for number in (1, 3, 2):
            store.set_alias(version_of(store, number), "production")
            deadline = time.monotonic() + 10
            while client.get("/models").json() != {"wine": str(number)}:
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_no_request_fails_and_none_names_a_wrong_version_while_versions_change(
    store: Store, rows: Rows, swapping: httpx.Client
) -> None:
    body = _split(rows.features)
    answers = {
        str(number): load(store, version_of(store, number)).estimator.predict(rows.features).tolist()
        for number in (1, 2, 3)
    }
    assert len({tuple(answer) for answer in answers.values()}) == 3  # so that each answer tells who gave it
    stop, seen = threading.Event(), []

    def ask() -> None:
        with httpx.Client(base_url=swapping.base_url) as mine:
            while not stop.is_set():
                answer = mine.post(PREDICT, json=body)
                seen.append(answer.headers[VERSION_HEADER])
                assert answer.json()["predictions"] == answers[seen[-1]]

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for number in (3, 1, 2, 3, 1):
                swapping.post("/models/wine/prepare", json={"version": str(number)}).raise_for_status()
                store.set_alias(version_of(store, number), "production")
                assert swapping.post("/models/wine/swap").json() == {"version": str(number)}
                count = len(seen)  # more than can be under way since before the swap
                while len(seen) < count + 20 and not any(future.done() for future in asking):
                    time.sleep(0.01)
        finally:
            stop.set()
        for future in asking:
            future.result()
    assert set(seen) == {"1", "2", "3"}
    assert seen[-1] == "1"


def test_server_goes_on_answering_while_mlflow_is_away(
    store: Store, rows: Rows, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    crown(store, 2)
    model = ServedModel(store, WINE)
    model.follow()
    model.store = Store("http://127.0.0.1:9")
    with httpx.Client(base_url=serve({"wine": model}, follow_seconds=0.05)) as client:
        for _ in range(10):
            answer = client.post(PREDICT, content=one_row(rows))
            assert answer.headers[VERSION_HEADER] == "2"
            time.sleep(0.02)
        assert client.get("/ready").json() == {"versions": {"wine": "2"}}
        assert_refused(client.post("/models/wine/swap"), 500)
        model.store = store  # MLflow is back
        store.set_alias(version_of(store, 3), "production")
        assert client.post("/models/wine/swap").json() == {"version": "3"}


def test_slow_look_at_the_alias_does_not_bring_an_old_version_back(store: Store) -> None:
    looked, go_on = threading.Event(), threading.Event()

    class SlowOnce(Store):
        def champion(self, name: str, promote: Promote) -> Champion:
            found = super().champion(name, promote)
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
    with httpx.Client(base_url=serve({})) as client:
        assert client.get("/health").is_success
        assert client.get("/models").json() == {}
        assert_refused(client.get("/ready"), 503, "no pipeline is hosted", "host.enabled", "dropforge generate")
        assert_refused(client.get("/models/wine"), 404, "This server serves: none")
        assert_refused(client.post("/invocations", json={}), 404, "This server serves: none")


# Pipelines that come, go and change while the server runs


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_pipeline_is_known_within_a_second_and_forgotten_when_it_goes(store: Store, rows: Rows) -> None:
    crown(store, 2)
    pipelines = [WINE]
    models = Models(store, lambda: pipelines)
    models.look()
    with running(create_app(models, 0.05)) as address, httpx.Client(base_url=address) as client:
        until(lambda: client.get("/models").json() == {"wine": "2"})
        assert client.post("/invocations", content=one_row(rows)).headers[VERSION_HEADER] == "2"
        pipelines = [WINE, BEER]
        until(lambda: client.get("/models").json() == {"wine": "2", "beer": None}, 1)
        assert_refused(client.post("/models/beer/swap"), 503, "'beer' has no champion yet")
        assert_refused(client.post("/invocations", content=one_row(rows)), 404)
        assert client.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "2"
        pipelines = [replace(WINE, host=Host(False)), BEER]
        until(lambda: client.get("/models").json() == {"beer": None}, 1)
        assert_refused(client.post(PREDICT, content=one_row(rows)), 404, "This server serves: beer")
        assert "dropforge_model_version{" not in client.get("/metrics").text


def test_new_pipeline_does_not_wait_for_a_model_that_loads_for_long(store: Store) -> None:
    go_on = threading.Event()

    class Slow(Store):
        def champion(self, name: str, promote: Promote) -> Champion:
            go_on.wait(10)
            return super().champion(name, promote)

    pipelines = [WINE]
    models = Models(Slow(store.uri), lambda: pipelines)
    models.look()
    with running(create_app(models)) as address, httpx.Client(base_url=address) as client:
        pipelines = [WINE, BEER]
        until(lambda: "beer" in client.get("/models").json(), 1)
        go_on.set()


def test_pipeline_whose_settings_change_goes_on_answering(store: Store, rows: Rows) -> None:
    crown(store, 2)
    store.set_alias(version_of(store, 3), "best")
    pipelines = [WINE]
    models = Models(store, lambda: pipelines)
    with running(create_app(models, 0.05)) as address, httpx.Client(base_url=address) as client:
        until(lambda: client.get("/models").json() == {"wine": "2"})
        place = models.served["wine"]
        pipelines = [promoting(alias="best")]
        while (answer := client.post(PREDICT, content=one_row(rows))).headers[VERSION_HEADER] != "3":
            assert answer.headers[VERSION_HEADER] == "2"
        assert models.served["wine"] is place


def test_pipelines_that_cannot_be_read_change_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    crown(store, 2)
    mistaken = False

    def pipelines() -> list[Pipeline]:
        if mistaken:
            raise UserError(Problem("the key 'metrik' is unknown", "Did you mean 'metric'?"))
        return [WINE]

    models = Models(store, pipelines)
    with running(create_app(models, 0.05)) as address, httpx.Client(base_url=address) as client:
        until(lambda: client.get("/models").json() == {"wine": "2"})
        mistaken = True
        time.sleep(1.2)  # two looks
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

    def counted(store: Store, version: Version) -> Any:
        tried.append(version.version)
        return load(store, version)

    monkeypatch.setattr("dropforge.serving.models.load", counted)
    return tried


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
    store: Store, broken: Version, loads: list[str], rows: Rows, serve: Callable[..., str]
) -> None:
    with httpx.Client(base_url=serve({"wine": ServedModel(store, WINE)}, follow_seconds=0.02)) as client:
        until(lambda: loads == [broken.version])
        time.sleep(0.3)  # many looks at the alias
        assert loads == [broken.version]
        assert_refused(client.post("/models/wine/swap"), 422, "cannot be loaded")
        assert loads == [broken.version] * 2
        store.set_alias(version_of(store, 2), WINE.promote.alias)
        until(lambda: client.get("/models").json() == {"wine": "2"}, 1)
        assert client.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "2"
