"""The two doors for predictions, as plain ASGI.

What FastAPI spends on a request would be most of the time of a single row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from dropforge.registry import Version
from dropforge.serving import inference
from dropforge.serving.errors import JSON, Refusal
from dropforge.serving.front import NOTE, Limits, Note, Receive, Scope, Send, respond
from dropforge.serving.models import Served
from dropforge.serving.predictor import Answer
from dropforge.serving.reading import Asked, media_type, read

VERSION_HEADER = "X-Model-Version"
_SMALL = 256 * 1024  # bytes: some milliseconds of reading
T = TypeVar("T")
_BUSY = "more requests wait than the server can answer soon"


class Predictions:
    """Answers to rows, whatever the protocol.

    Parameters
    ----------
    current : callable
        Takes a pipeline's name, or None for the only one, and the request's note; returns the version that answers.
    limits : Limits
        What a request may cost.
    pool : Executor
        Does what would hold up the event loop.
    """

    def __init__(
        self, current: Callable[[str | None, Note], Awaitable[Served]], limits: Limits, pool: Executor
    ) -> None:
        self.current, self.limits, self.pool = current, limits, pool
        self.waiting = 0

    async def answer(self, served: Served, asked: Asked, note: Note) -> Answer:
        """Return a version's answer to rows.

        Raises
        ------
        Refusal
            If there is none.
        """
        note.rows = len(asked)
        if asked.probabilities and served.predictor.classes is None:
            raise Refusal(400, "the model gives no probabilities", "Ask without them.", "probabilities")
        if self.waiting >= self.limits.waiting:
            raise Refusal(429, _BUSY, "Come again in a second.", headers={"Retry-After": "1"})
        self.waiting += 1
        try:
            return await served.queue.ask(asked, self.pool, self.limits.answer_seconds)
        finally:
            self.waiting -= 1

    async def read(self, body: bytes, reader: Callable[[], T]) -> T:
        """Have a body read: a small one here, a large one in a thread, so that others are answered meanwhile."""
        if len(body) <= _SMALL:
            return reader()
        return await asyncio.get_running_loop().run_in_executor(self.pool, reader)


class Invocations:
    """MLflow's scoring protocol."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI says."""
        note: Note = scope[NOTE]
        served = await self.predictions.current(scope["path_params"].get("pipeline"), note)
        content_type = note.headers.get(b"content-type")
        kind = media_type(content_type.decode("latin-1") if content_type is not None else None)
        strict, probabilities = options(scope["query_string"])
        columns, most = served.predictor.columns, self.predictions.limits.rows
        asked = await self.predictions.read(note.body, lambda: read(columns, note.body, kind, most, strict=strict))
        if probabilities and not asked.probabilities:
            asked = Asked(asked.rows, True)
        found = await self.predictions.answer(served, asked, note)
        content: dict[str, Any] = {"predictions": found.labels.tolist()}
        if asked.probabilities and found.probabilities is not None:
            content |= {"classes": served.predictor.classes, "probabilities": found.probabilities.tolist()}
        await respond(send, msgspec.json.encode(content), JSON, {VERSION_HEADER: served.version.version})


class Inference:
    """The Open Inference Protocol."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI says."""
        note: Note = scope[NOTE]
        name = scope["path_params"]["pipeline"]
        served = await self.predictions.current(name, note)
        is_version(served.version, scope["path_params"].get("version"))
        columns, most = served.predictor.columns, self.predictions.limits.rows
        length = note.headers.get(inference.LENGTH_HEADER.lower().encode())
        asked, request = await self.predictions.read(
            note.body, lambda: inference.read(columns, note.body, length, most)
        )
        found = await self.predictions.answer(served, asked, note)
        body, headers = inference.write(name, served.version.version, asked, request, found)
        kind = "application/octet-stream" if headers else JSON
        await respond(send, body, kind, headers | {VERSION_HEADER: served.version.version})


def options(query: bytes) -> tuple[bool, bool]:
    """Return what an address asks for: whether columns that the model lacks are refused; whether probabilities."""
    if not query:
        return True, False
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    for name, allowed in (("extra", ("refuse", "ignore")), ("probabilities", ("true", "false"))):
        if given.get(name, allowed)[-1] not in allowed:
            raise Refusal(400, f"'{name}' is none of: {', '.join(allowed)}", "See /docs.", name)
    return given.get("extra") != ["ignore"], given.get("probabilities", ["false"])[-1] == "true"


def is_version(answers: Version, version: str | None) -> None:
    """Refuse a version that is not the one that answers."""
    if version is not None and version != answers.version:
        message = f"version {version[:20]} does not answer"
        raise Refusal(404, message, f"Version {answers.version} does; it is the champion.", "version")
