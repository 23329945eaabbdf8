"""On SQLite, let requests to Airflow's API server that may write come one after another.

SQLite has one writer at a time. Airflow's API server commits its audit log in the event loop, and what its endpoints
wrote in threads whose commit the same event loop starts. When a task's report had written and not yet committed, a
person's request waited in the event loop for a database that only the event loop could free: after SQLite's patience
(five seconds) it failed with "database is locked", status 500.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.configuration import conf

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_READS = ("GET", "HEAD", "OPTIONS")


class OneWriter:
    """ASGI middleware: of the requests that may write, one is answered at a time.

    Parameters
    ----------
    app : ASGI application
        Airflow's API server, with all that is mounted in it.
    """

    def __init__(self, app: Callable[[_Message, _Receive, _Send], Awaitable[None]]) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request, or whatever else the server is asked for."""
        if scope["type"] != "http" or scope["method"] in _READS:
            await self._app(scope, receive, send)
            return
        # All of it before the turn begins: who sends half a request holds up nobody else.
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())

        async def again() -> _Message:
            return messages.pop(0) if messages else await receive()

        async with self._turn:
            await self._app(scope, again, send)


def middlewares() -> list[dict[str, Any]]:
    """Return what the plugin adds to the API server: nothing where the database has many writers."""
    if not conf.get("database", "sql_alchemy_conn").startswith("sqlite"):
        return []
    return [{"name": "one writer at a time", "middleware": OneWriter}]
