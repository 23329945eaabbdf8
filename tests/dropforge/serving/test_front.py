"""What every request passes: ids, the token, limits, back pressure, the access log; and a fuzzer of the document."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.tree import DecisionTreeClassifier

from dropforge.data import Rows
from dropforge.serving.app import create_app
from dropforge.serving.front import OPEN, Limits
from dropforge.serving.models import ServedModel
from dropforge.serving.predictor import Answer
from tests.dropforge.servers import fixed, running
from tests.dropforge.serving.asking import JSON, PREDICT, assert_refused, one_row
from tests.dropforge.serving.memory import place, version
from tests.waiting import until


@pytest.fixture
def wine(rows: Rows) -> ServedModel:
    """A tree that answers."""
    return place(version(DecisionTreeClassifier(max_depth=2).fit(*rows.part("train")), rows.features.head(3)))


@pytest.fixture
def ask(wine: ServedModel) -> Iterator[Callable[..., httpx.Client]]:
    """Start a server with limits, and return a client."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(token: str | None = None, **limits: Any) -> httpx.Client:
            app = create_app(fixed({"wine": wine}), 3600, Limits(**limits), token)
            return stack.enter_context(httpx.Client(base_url=stack.enter_context(running(app)), timeout=30))

        yield start


class Held:
    """Holds a model's answers until it is told to go on."""

    def __init__(self, model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        assert model.current is not None
        predictor = model.current.predictor
        self.go_on, self.begun, self.own = threading.Event(), 0, predictor.predict
        predictor.seconds = 1.0  # a slow one is not answered in the event loop
        monkeypatch.setattr(predictor, "predict", self.predict)

    def predict(self, *arguments: Any) -> Answer:
        self.begun += 1
        assert self.go_on.wait(30)
        return self.own(*arguments)


def test_body_that_is_too_large_is_refused_before_it_is_read(ask: Callable[..., httpx.Client]) -> None:
    client = ask(body_mb=0.01)
    body = b"[" + b" " * 20_000 + b"]"
    assert_refused(client.post(PREDICT, content=body, headers=JSON), 413, "larger than 0.01 MiB")
    pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))  # their number is not told before
    assert_refused(client.post(PREDICT, content=pieces, headers=JSON), 413, "larger than 0.01 MiB")


def test_too_many_rows_are_refused_in_every_form(ask: Callable[..., httpx.Client], rows: Rows) -> None:
    client = ask(rows=4)
    table = rows.features.head(5)
    row = table.to_dict(orient="records")
    for content in (
        {"dataframe_split": table.to_dict(orient="split", index=False)},
        {"dataframe_records": row},
        {"instances": row},
        {"inputs": table.to_dict(orient="list")},
    ):
        assert_refused(client.post(PREDICT, json=content), 413, "more rows than 4", "several requests")
    csv = client.post(PREDICT, content=table.to_csv(index=False), headers={"content-type": "text/csv"})
    assert_refused(csv, 413, "more rows than 4")
    data = table.to_numpy().ravel().tolist()
    tensor = {"name": "rows", "shape": [5, 13], "datatype": "FP64", "data": data}
    assert_refused(client.post("/v2/models/wine/infer", json={"inputs": [tensor]}), 413, "more rows than 4")


def test_body_that_does_not_arrive_is_not_waited_for(ask: Callable[..., httpx.Client]) -> None:
    client = ask(body_seconds=0.2)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    for begun in (b"", b'{"dataframe'):
        with socket.create_connection((client.base_url.host, client.base_url.port or 0), 30) as connection:
            connection.sendall(head.encode() + begun)
            answer = connection.makefile("rb").read()  # until the server hangs up
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not arrive within 0.2 seconds" in answer


def test_compressed_body_is_not_read(ask: Callable[..., httpx.Client], rows: Rows) -> None:
    answer = ask().post(PREDICT, content=one_row(rows), headers=JSON | {"content-encoding": "gzip"})
    assert_refused(answer, 415, "compressed")


def test_answer_that_takes_too_long_is_given_up(
    ask: Callable[..., httpx.Client], wine: ServedModel, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(wine, monkeypatch)
    assert_refused(
        ask(answer_seconds=0.1).post(PREDICT, content=one_row(rows), headers=JSON), 504, "within 0.1 seconds"
    )
    held.go_on.set()


def test_one_request_too_many_is_told_to_come_again(
    ask: Callable[..., httpx.Client], wine: ServedModel, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, client = Held(wine, monkeypatch), ask(waiting=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, PREDICT, content=one_row(rows), headers=JSON)
        until(lambda: held.begun)
        for address in (PREDICT, "/invocations"):
            answer = client.post(address, content=one_row(rows), headers=JSON)
            assert_refused(answer, 429, "Come again")
            assert answer.headers["retry-after"] == "1"
        assert client.get("/health").is_success
        held.go_on.set()
        assert first.result().status_code == 200
    assert client.post(PREDICT, content=one_row(rows), headers=JSON).status_code == 200


# The token


def test_without_the_token_only_health_is_told(ask: Callable[..., httpx.Client], rows: Rows) -> None:
    client = ask(token="s3cret")  # noqa: S106 - the test's own
    for path in sorted(OPEN):
        assert client.get(path).is_success
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "s3cret"}):
        for method, path in (("GET", "/models"), ("GET", "/docs"), ("GET", "/metrics"), ("POST", PREDICT)):
            answer = client.request(method, path, headers=headers)
            assert_refused(answer, 401, "the token is missing or wrong")
            assert answer.headers["www-authenticate"] == "Bearer"
    allowed = {"authorization": "Bearer s3cret"}
    assert client.get("/models", headers=allowed).json() == {"wine": "1"}
    assert client.post(PREDICT, content=one_row(rows), headers=JSON | allowed).is_success


# Ids and the access log


def test_each_request_has_an_id_and_a_line_in_the_log(
    ask: Callable[..., httpx.Client], rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dropforge.access")
    client = ask()
    answers = [
        client.post(PREDICT, content=one_row(rows), headers=JSON | {"x-request-id": "mine-1"}),
        client.post(PREDICT, content=b"{no", headers=JSON | {"x-request-id": 'forged"\t}'}),
        client.get("/nowhere"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids[0] == "mine-1"
    assert len(set(ids)) == 3
    assert all(len(given) == 16 for given in ids[1:])

    def lines_of_the_log() -> list[dict[str, Any]]:
        return [json.loads(record.message) for record in caplog.records if record.name == "dropforge.access"]

    until(lambda: len(lines_of_the_log()) == 3)  # a line is written after its answer has gone
    lines = lines_of_the_log()
    assert [line["request_id"] for line in lines] == ids
    assert [line["status"] for line in lines] == [200, 400, 404]
    assert (lines[0]["pipeline"], lines[0]["version"], lines[0]["rows"]) == ("wine", "1", 1)
    assert lines[0]["path"] == PREDICT
    assert lines[0]["ms"] > 0


# The document


@pytest.mark.slow
def test_fuzzer_of_the_document_finds_nothing(rows: Rows, tmp_path: Path) -> None:
    features, target = rows.part("train")
    features = features.iloc[:, :4].assign(proline=features["proline"].astype("int64"))  # both kinds of numbers
    models = {"wine": place(version(DecisionTreeClassifier().fit(features, target), features.head(3)))}
    tool = Path(sys.executable).with_name("schemathesis")
    with running(create_app(fixed(models), follow_seconds=3600)) as address:
        done = subprocess.run(  # noqa: S603 - our own environment's
            [tool, "run", f"{address}/openapi.json", "--max-examples", "10", "--seed", "1", "--no-color",
             "--generation-database", "none", "--phases", "examples,coverage,fuzzing"],
            capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
