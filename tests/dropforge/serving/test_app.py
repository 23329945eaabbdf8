"""The model server over HTTP: what it answers, and what it refuses."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from dropforge.data import Rows
from dropforge.registry import Store
from dropforge.serving.app import VERSION_HEADER
from dropforge.serving.models import ServedModel
from tests.dropforge.serving.asking import BEER, PREDICT, assert_refused, one_row, split
from tests.dropforge.wine import WINE, crown, register_copy


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


BODIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "dataframe_split": split,
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
    answer = answering.post(PREDICT, json=split(turned))
    assert answer.json() == {"predictions": tree.predict(rows.features).tolist()}


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
