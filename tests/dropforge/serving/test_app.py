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
from dropforge.serving.models import ServedModel
from dropforge.serving.predictions import VERSION_HEADER
from tests.dropforge.serving.asking import BEER, JSON, PREDICT, assert_refused, one_row, split
from tests.dropforge.wine import WINE, crown, register_copy
from tests.waiting import until


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
    with httpx.Client(base_url=serve({"wine": ServedModel(store, WINE)}, follow_seconds=0.05), timeout=60) as client:
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


def test_order_of_the_columns_does_not_matter(answering: httpx.Client, tree: Any, rows: Rows) -> None:
    turned = rows.features[rows.features.columns[::-1]]
    assert answering.post(PREDICT, json=split(turned)).json() == {"predictions": tree.predict(rows.features).tolist()}


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "csv"])
def test_column_that_the_model_lacks_is_refused_or_ignored_if_that_is_asked_for(
    answering: httpx.Client, tree: Any, rows: Rows, form: str
) -> None:
    more = rows.features.assign(price=1)

    def ask(address: str) -> httpx.Response:
        if form == "csv":
            return answering.post(address, content=more.to_csv(index=False), headers={"content-type": "text/csv"})
        records = {"dataframe_records": more.to_dict(orient="records")}
        return answering.post(address, json=split(more) if form == "dataframe_split" else records)

    answer = ask(PREDICT)
    assert_refused(answer, 400, "the model has no column 'price'", "?extra=ignore")
    assert answer.json()["field"] == "price"
    assert ask(f"{PREDICT}?extra=ignore").json() == {"predictions": tree.predict(rows.features).tolist()}
    assert_refused(ask(f"{PREDICT}?extra=perhaps"), 400, "'extra' is none of: refuse, ignore")


@pytest.mark.parametrize(
    ("content", "words", "field"),
    [
        (b"", ["the body is no JSON", "line 1 column 1"], None),
        (b"{no", ["the body is no JSON", "line 1 column 2"], None),
        (b"\xff{}", ["the body is no JSON", "UTF-8"], None),
        (b"[1, 2]", ["expected an object, got a list", "dataframe_split"], None),
        (b"7", ["expected an object", "dataframe_split"], None),
        (b"null", ["expected an object, got null"], None),
        (b"{}", ["none of the keys given", "exactly one of", "dataframe_split"], None),
        (b'{"rows": []}', ["there is no key 'rows'", "exactly one of"], "rows"),
        (b'{"inputs": [], "instances": []}', ["inputs and instances given where one is expected"], None),
        (b'{"messages": []}', ["there is no key 'messages'"], "messages"),
        (b'{"dataframe_records": []}', ["there are no rows"], None),
        (b'{"dataframe_records": 3}', ["expected a list, got a whole number"], "dataframe_records"),
        (b'{"dataframe_records": [[1]]}', ["expected an object, got a list"], None),
        (b'{"dataframe_split": "x"}', ["expected an object, got a text"], "dataframe_split"),
        (b'{"dataframe_split": {}}', ["the key 'data' is missing"], "data"),
        (
            b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}',
            ["the column 'alcohol' is missing"],
            "alcohol",
        ),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1]]}}', ["the column 'a' is there twice"], "a"),
        (b'{"dataframe_split": {"data": [[1, 2]]}}', ["the row has 2 values where 13 are expected"], None),
        (b'{"instances": [[1], [1, 2]]}', ["the row has 1 values where 13 are expected"], None),
        (b'{"instances": [{}]}', ["the column 'alcohol' is missing"], "alcohol"),
        (b'{"inputs": {"alcohol": [1, 2], "ash": [1]}}', ["the column 'malic_acid' is missing"], "malic_acid"),
        (b'{"inputs": null}', ["expected an object or a list, got null"], "inputs"),
        (b'{"params": {"top_k": 3}, "instances": []}', ["there is no key 'top_k'"], "top_k"),
        (b"[" * 100_000, ["expected an object"], None),
        (b'{"instances": [' + b"[" * 100_000, ["expected a number or null, got a list"], None),
        (b'{"instances": [[' + b"9" * 5000 + b"]]}", ["a number is too large"], None),
    ],
)
def test_body_that_is_no_request_is_refused_with_field_and_reason(
    answering: httpx.Client, content: bytes, words: list[str], field: str | None
) -> None:
    answer = answering.post(PREDICT, content=content, headers=JSON)
    assert_refused(answer, 400, *words)
    assert answer.json()["field"] == field


def test_lists_of_different_lengths_are_refused(answering: httpx.Client, rows: Rows) -> None:
    content = {"inputs": rows.features.head(2).to_dict(orient="list") | {"ash": [1.0]}}
    answer = answering.post(PREDICT, json=content)
    assert_refused(answer, 400, "the column has 1 values, and 'alcohol' has 2")
    assert answer.json()["field"] == "ash"


@pytest.mark.parametrize(
    ("changes", "words", "field"),
    [
        ({"alcohol": ...}, ["the column 'alcohol' is missing", "The model takes: alcohol (double)"], "alcohol"),
        ({"ash": "much"}, ["expected a number or null, got a text"], "ash"),
        ({"ash": "2.5"}, ["expected a number or null, got a text"], "ash"),
        ({"ash": True}, ["expected a number or null, got true or false"], "ash"),
        ({"ash": {"a": 1}}, ["expected a number or null, got an object"], "ash"),
        ({"ash": 10**400}, ["the number is too large"], "ash"),
        ({"ash": 1e39}, ["expected a number <= 3.4"], "ash"),
        ({"ash": float("inf")}, ["expected a number <= 3.4"], "ash"),
        ({"price": 3}, ["the model has no column 'price'"], "price"),
    ],
)
def test_row_that_does_not_fit_is_refused_with_field_row_and_reason(
    answering: httpx.Client, rows: Rows, changes: dict[str, Any], words: list[str], field: str
) -> None:
    good = json.loads(one_row(rows))["dataframe_records"]
    bad = json.loads(one_row(rows, **changes))["dataframe_records"]
    answer = answering.post(PREDICT, content=json.dumps({"dataframe_records": good + bad}), headers=JSON)
    assert_refused(answer, 400, *words)
    assert (answer.json()["field"], answer.json()["row"]) == (field, 1)


def test_value_that_does_not_fit_is_named_in_every_form(answering: httpx.Client, rows: Rows) -> None:
    table = rows.features.head(3).astype(object)
    table.iloc[2, 4] = "much"
    turned = table[table.columns[::-1]]
    records, lists = table.to_dict(orient="records"), table.to_dict(orient="list")
    contents = [split(table), split(turned), {"inputs": lists}, {"inputs": records}, {"instances": records}]
    contents.append({"instances": table.to_numpy().tolist()})
    answers = [answering.post(PREDICT, json=content) for content in contents]
    answers.append(answering.post(PREDICT, content=table.to_csv(index=False), headers={"content-type": "text/csv"}))
    for answer in answers:
        assert_refused(answer, 400)
        assert (answer.json()["field"], answer.json()["row"]) == ("magnesium", 2)


@pytest.mark.parametrize(
    "content",
    [
        b'{"inputs": Error: ' + b"x" * 100_000,
        b'{"' + b"x" * 100_000 + b'": 1}',
        b'{"dataframe_records": [{"' + b"x" * 100_000 + b'": 1}]}',
        b'{"dataframe_split": {"columns": ["' + b"x" * 100_000 + b'"], "data": [[1]]}}',
    ],
)
def test_bad_body_is_not_sent_back(answering: httpx.Client, content: bytes) -> None:
    answer = answering.post(PREDICT, content=content, headers=JSON)
    assert_refused(answer, 400)
    assert "x" * 101 not in answer.text


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
    assert answer.json()["field"] == "content-type"


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
    monkeypatch.setattr("dropforge.serving.predictions.read", lambda *_, **__: 1 / 0)
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
        swapping.post(PREDICT, content=content, headers=JSON)
    last = 'dropforge_requests_total{pipeline="wine",status="400"} 1.0'
    until(lambda: last in swapping.get("/metrics").text.splitlines())  # counted after its answer has gone
    answer = swapping.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'dropforge_requests_total{pipeline="wine",status="200"} 2.0' in lines
    assert 'dropforge_model_version{pipeline="wine"} 2.0' in lines
    assert 'dropforge_swaps_total{pipeline="wine"} 1.0' in lines
    assert 'dropforge_request_seconds_count{pipeline="wine"} 3.0' in lines
    assert 'dropforge_errors_total{pipeline="wine"} 1.0' in lines
    assert 'dropforge_rows_total{pipeline="wine"} 2.0' in lines


def test_docs_name_every_path(answering: httpx.Client) -> None:
    assert answering.get("/docs").status_code == 200
    paths = answering.get("/openapi.json").json()["paths"]
    assert {
        "/health", "/ready", "/version", "/metrics", "/models", "/models/{pipeline}", "/models/{pipeline}/invocations",
        "/models/{pipeline}/prepare", "/models/{pipeline}/swap", "/invocations", "/models/wine/invocations",
        "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{pipeline}", "/v2/models/{pipeline}/ready",
        "/v2/models/{pipeline}/infer", "/v2/models/wine/infer", "/v2/models/{pipeline}/versions/{version}",
        "/v2/models/{pipeline}/versions/{version}/ready", "/v2/models/{pipeline}/versions/{version}/infer",
    } == set(paths)  # fmt: skip
    assert all(operation.get("summary") for path in paths.values() for operation in path.values())


def test_short_path_answers_for_a_single_pipeline_only(store: Store, serve: Callable[..., str]) -> None:
    crown(store, 2)
    address = serve({"wine": ServedModel(store, WINE), "beer": ServedModel(store, BEER)})
    with httpx.Client(base_url=address, timeout=60) as client:
        answer = client.post("/invocations", json={})
        assert_refused(answer, 404, "2 pipelines are served here", "This server serves: wine, beer")
        client.post("/models/wine/swap")
        # One that has no champion does not hold the other up, and the server as a whole is not ready.
        assert client.get("/models").json() == {"wine": "2", "beer": None}
        assert_refused(client.get("/ready"), 503, "'beer' has no champion yet")
        assert_refused(client.post("/models/beer/invocations", json={}), 503)
