"""How a request is refused: one shape of error, with the field and the reason."""

from __future__ import annotations

from typing import Any

import msgspec

JSON = "application/json"


class Refusal(Exception):
    """A request that cannot be answered.

    Parameters
    ----------
    status : int
        HTTP's status.
    message : str
        What is wrong.
    remedy : str
        What to do.
    field : str, optional
        Which part of the request: a column, a key.
    row : int, optional
        In which row, from 0.
    headers : dict, optional
        What HTTP wants beside the status.
    """

    def __init__(
        self,
        status: int,
        message: str,
        remedy: str,
        field: str | None = None,
        row: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.remedy = status, message, remedy
        self.field, self.row, self.headers = field, row, headers or {}


def content(status: int, message: str, remedy: str, field: str | None = None, row: int | None = None) -> bytes:
    """Return the body of a refusal; ``error`` is a text, as clients of the Open Inference Protocol expect it."""
    return msgspec.json.encode({"error": message, "status": status, "remedy": remedy, "field": field, "row": row})


SCHEMA: dict[str, Any] = {
    "title": "Error",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "What is wrong."},
        "status": {"type": "integer", "description": "HTTP's status."},
        "remedy": {"type": "string", "description": "What to do."},
        "field": {"type": ["string", "null"], "description": "Which part of the request: a column, a key."},
        "row": {"type": ["integer", "null"], "description": "In which row, from 0."},
    },
    "required": ["error", "status", "remedy", "field", "row"],
    "additionalProperties": False,
}
