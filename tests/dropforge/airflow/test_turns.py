"""Who may write through the API server waits for a turn on SQLite; who reads does not."""

import asyncio

import pytest
from airflow import plugins_manager

from dropforge.airflow.turns import OneWriter, middlewares


class Inner:
    """An app that answers when it is told to, and knows how many requests it had in hand at once."""

    def __init__(self):
        self.inside, self.most = 0, 0
        self.answer = asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.answer.wait()
            if scope.get("path") == "/broken":
                raise ValueError("a bug of the app's")
        finally:
            self.inside -= 1


async def empty():
    """Receive a request that has no body."""
    return {"type": "http.request"}


async def together(*scopes):
    """Send requests at the same time, let them get as far as they can, and answer; return the app and what came."""
    inner = Inner()
    app = OneWriter(inner)
    tasks = [asyncio.create_task(app(scope, empty, None)) for scope in scopes]
    for _ in range(10 * len(scopes)):
        await asyncio.sleep(0)  # a turn of the event loop
    inner.answer.set()
    return inner, await asyncio.gather(*tasks, return_exceptions=True)


def request(method, path="/"):
    return {"type": "http", "method": method, "path": path}


@pytest.mark.parametrize(
    ("scopes", "most"),
    [
        ([request("POST"), request("PATCH"), request("PUT"), request("DELETE")], 1),
        ([request("GET"), request("HEAD"), request("OPTIONS"), request("GET")], 4),
        ([request("POST"), request("GET"), request("POST")], 2),
        ([{"type": "lifespan"}, {"type": "websocket"}, request("POST")], 3),
    ],
)
def test_one_request_at_a_time_may_write(scopes, most):
    inner, came = asyncio.run(together(*scopes))
    assert inner.most == most
    assert came == [None] * len(scopes)


def test_a_request_that_breaks_gives_its_turn_away():
    inner, came = asyncio.run(together(request("POST", "/broken"), request("POST")))
    assert [type(answer) for answer in came] == [ValueError, type(None)]
    assert inner.inside == 0


def test_half_a_request_holds_up_no_other():
    async def act():
        arrives = asyncio.Event()

        async def half():
            if not arrives.is_set():
                await arrives.wait()
                return {"type": "http.request", "body": b"1", "more_body": True}
            return {"type": "http.request", "body": b"2", "more_body": False}

        got = []

        async def app(scope, receive, send):
            got.append([message["body"] async for message in bodies(receive)])

        one = OneWriter(app)
        stalled = asyncio.create_task(one(request("POST"), half, None))
        await asyncio.sleep(0)
        await one(request("POST"), empty_body, None)
        assert got == [[b""]]
        arrives.set()
        await stalled
        assert got[1:] == [[b"1", b"2"]]

    asyncio.run(act())


async def empty_body():
    return {"type": "http.request", "body": b""}


async def bodies(receive):
    """Yield the messages of a request's body."""
    while True:
        message = await receive()
        yield message
        if not message.get("more_body"):
            return


def test_airflow_is_given_it_on_sqlite_and_not_on_a_database_with_many_writers(monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////somewhere/airflow.db?timeout=30")
    assert [added["middleware"] for added in middlewares()] == [OneWriter]
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://airflow@postgres/airflow")
    assert middlewares() == []


def test_airflow_finds_it():
    _, found = plugins_manager.get_fastapi_plugins()
    assert OneWriter in [added["middleware"] for added in found]
