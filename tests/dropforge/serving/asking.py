"""Requests to the model server, and the one shape of its refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pandas as pd

from dropforge.data import Rows
from tests.dropforge.wine import WINE

PREDICT = "/models/wine/invocations"
JSON = {"content-type": "application/json"}
BEER = replace(WINE, name="beer")


def assert_refused(answer: httpx.Response, status: int, *words: str) -> None:
    """The answer is an error in the one shape, says these words, and shows nothing of the code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    refusal = answer.json()
    assert set(refusal) == {"error", "status", "remedy", "field", "row"}
    assert refusal["status"] == status
    assert refusal["error"]
    assert refusal["remedy"]
    for word in words:
        assert word in f"{refusal['error']} {refusal['remedy']}"
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text


def split(rows: pd.DataFrame) -> Any:
    """Return rows as MLflow's ``dataframe_split``."""
    return {"dataframe_split": rows.to_dict(orient="split", index=False)}


def one_row(rows: Rows, **changes: Any) -> bytes:
    """Return a request of one row; a column that is changed to ``...`` is left out."""
    row = {**rows.features.iloc[0].to_dict(), **changes}
    row = {name: value for name, value in row.items() if value is not ...}
    return json.dumps({"dataframe_records": [row]}).encode()
