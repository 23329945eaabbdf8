"""What every request passes: its id, the token, the limits of its body, the access log, and the shape of errors."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dropforge.serving.errors import JSON, Refusal, content

log = logging.getLogger(__name__)
access = logging.getLogger("dropforge.access")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# What watches over a server has no token.
OPEN = frozenset({"/health", "/ready", "/ping", "/v2/health/live", "/v2/health/ready"})
_ID = re.compile(rb"[\w.:/+=-]{1,128}")
NOTE = "dropforge.note"


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Parameters
    ----------
    body_mb : float
        How large its body may be, in MiB.
    rows : int
        How many rows it may have.
    body_seconds : float
        How long its body may take to arrive.
    answer_seconds : float
        How long its answer may take.
    waiting : int
        How many may wait for an answer at once; one more is told to come again.
    """

    body_mb: float = 16.0
    rows: int = 10_000
    body_seconds: float = 10.0
    answer_seconds: float = 30.0
    waiting: int = 256

    @property
    def body_bytes(self) -> int:
        """The largest body."""
        return int(self.body_mb * 2**20)


@dataclass
class Note:
    """What is known of a request: for the access log and the metrics."""

    request_id: str
    headers: dict[bytes, bytes]
    body: bytes = b""
    status: int = 0
    pipeline: str | None = None
    version: str | None = None
    rows: int | None = None
    began: float = field(default_factory=time.perf_counter)


class Front:
    """The server as it is seen from outside.

    Parameters
    ----------
    app : callable
        What answers.
    limits : Limits
        What a request may cost.
    token : str, optional
        What a request must bear; None where only this machine reaches the server.
    done : callable
        Takes the note of each request that has ended.
    """

    def __init__(self, app: App, limits: Limits, token: str | None, done: Callable[[Note, float], None]) -> None:
        self.app, self.limits, self.done = app, limits, done
        self._expected = f"Bearer {token}".encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8).encode()
        note = scope[NOTE] = Note(request_id.decode(), headers)

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                note.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        try:
            self._admit(scope, headers)
            if scope["method"] in ("POST", "PUT", "PATCH"):
                note.body = await self._body(headers, receive)
                receive = _again(note.body, receive)
            await self.app(scope, receive, marked)
        except Refusal as refusal:
            await refuse(marked, refusal)
        except _Gone:
            note.status = 499
        finally:
            seconds = time.perf_counter() - note.began
            self.done(note, seconds)
            if access.isEnabledFor(logging.INFO):
                access.info("%s", _line(scope, note, seconds))

    def _admit(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if self._expected is None or scope["path"] in OPEN:
            return
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            raise Refusal(
                401, "the token is missing or wrong", "Send the header 'Authorization: Bearer <token>'.",
                "authorization", headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        if b"content-encoding" in headers:
            raise Refusal(415, "a compressed body is not read", "Send it as it is.", "content-encoding")
        most = self.limits.body_bytes
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise self._too_large()
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise self._too_large()
                    if not message.get("more_body"):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError as error:
            raise self._too_slow() from error

    def _too_large(self) -> Refusal:
        message = f"the body is larger than {self.limits.body_mb:g} MiB"
        return Refusal(413, message, "Send the rows in several requests.", headers={"Connection": "close"})

    def _too_slow(self) -> Refusal:
        message = f"the body did not arrive within {self.limits.body_seconds:g} seconds"
        return Refusal(408, message, "Send it faster, or in several requests.", headers={"Connection": "close"})


class _Gone(Exception):
    """Whoever asked has hung up."""


async def refuse(send: Send, refusal: Refusal) -> None:
    """Send a refusal."""
    body = content(refusal.status, refusal.message, refusal.remedy, refusal.field, refusal.row)
    await respond(send, body, JSON, refusal.headers, refusal.status)


async def respond(send: Send, body: bytes, kind: str, headers: dict[str, str] | None = None, status: int = 200) -> None:
    """Send a whole answer."""
    pairs = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
    pairs += [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body that was read already, then goes on with what comes."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return left.pop() if left else await receive()

    return again


def _line(scope: Scope, note: Note, seconds: float) -> str:
    """Return a request as one line of JSON."""
    client = scope.get("client")
    return msgspec.json.encode(
        {
            "time": round(time.time(), 3),
            "request_id": note.request_id,
            "client": client[0] if client else None,
            "method": scope["method"],
            "path": scope["path"],
            "status": note.status,
            "ms": round(seconds * 1000, 2),
            "bytes": len(note.body),
            "pipeline": note.pipeline,
            "version": note.version,
            "rows": note.rows,
        }
    ).decode()
