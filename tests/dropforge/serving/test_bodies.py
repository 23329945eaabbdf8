"""Whatever is sent, a body becomes rows or a refusal that says what to send."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from mlflow.models import infer_signature

from dropforge.serving import inference, reading
from dropforge.serving.columns import Columns
from dropforge.serving.errors import JSON, Refusal
from tests.dropforge.fuzz import holds, shortly_and_for_long

TABLE = pd.DataFrame({"a": [1.5, 2.5], "b": [1.0, 2.0], "c": ["x", "y"]})
NUMBERS = TABLE[["a", "b"]]
COLUMNS = {
    "mixed": Columns.of(infer_signature(TABLE, np.array([0, 1])), nullable=True),
    "numbers": Columns.of(infer_signature(NUMBERS, np.array([0, 1])), nullable=False),
}
MOST = 5

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["a", "b", "c"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
rows = st.lists(st.lists(values, min_size=2, max_size=3), max_size=6)
split = st.fixed_dictionaries({"data": rows}, optional={"columns": st.permutations(["a", "b", "c"]) | values})
records = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), values), max_size=6)
scoring = st.dictionaries(
    st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params", "other"]),
    split | records | rows | values,
    max_size=2,
)
tensor = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "c", "input"]),
        "shape": st.lists(st.integers(-1, 7), max_size=3) | values,
        "datatype": st.sampled_from(["FP64", "FP32", "INT64", "BYTES", "BOOL", "UINT8", "NONE"]),
    },
    optional={
        "data": rows | st.lists(values, max_size=6) | values,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 40) | values}) | values,
    },
)
asking = st.fixed_dictionaries(
    {"inputs": st.lists(tensor, max_size=3)},
    optional={
        "id": values,
        "outputs": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["label", "probabilities", "x"])}), max_size=2
        ),
        "parameters": values,
    },
)


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def cut(body: bytes, at: int) -> bytes:
    """Return a body without what follows one of its bytes."""
    return body[: at % (len(body) + 1)]


bodies = st.builds(encoded, scoring) | st.builds(cut, st.builds(encoded, scoring), st.integers(0)) | st.binary()
lengths = st.none() | st.integers(0, 200).map(lambda n: str(n).encode()) | st.sampled_from([b"-1", b"x", b"9" * 5000])


def is_answered(columns: Columns, asked: Any) -> None:
    assert 1 <= len(asked) <= MOST
    assert np.shape(asked.rows) == (len(asked), len(columns.names))


@shortly_and_for_long
def test_any_body_of_mlflows_protocol_is_rows_or_a_refusal(examples: int) -> None:
    def check(body: bytes, which: str, kind: str, strict: bool) -> None:
        try:
            asked = reading.read(COLUMNS[which], body, kind, MOST, strict=strict)
        except Refusal:
            return
        is_answered(COLUMNS[which], asked)

    table = st.sampled_from([TABLE, NUMBERS]).map(lambda frame: frame.to_csv(index=False).encode())
    holds(
        examples,
        check,
        bodies | table | st.builds(cut, table, st.integers(0)),
        st.sampled_from(sorted(COLUMNS)),
        st.sampled_from([JSON, reading.CSV]),
        st.booleans(),
    )


@shortly_and_for_long
def test_any_body_of_the_inference_protocol_is_rows_or_a_refusal(examples: int) -> None:
    def check(body: bytes, which: str, length: bytes | None, binary: bytes) -> None:
        try:
            asked, _ = inference.read(COLUMNS[which], body + binary, length, MOST)
        except Refusal:
            return
        is_answered(COLUMNS[which], asked)

    whole = st.builds(encoded, asking)
    holds(
        examples,
        check,
        whole | st.builds(cut, whole, st.integers(0)) | bodies,
        st.sampled_from(sorted(COLUMNS)),
        lengths,
        st.binary(max_size=20),
    )


def test_binary_data_must_be_what_its_inputs_and_header_say() -> None:
    columns = COLUMNS["numbers"]
    numbers = np.array([[1.5, 1.0], [2.5, 2.0]])
    wanted = {"name": "input", "shape": [2, 2], "datatype": "FP64", "parameters": {"binary_data_size": 32}}
    head = encoded({"inputs": [wanted]})
    whole = str(len(head)).encode()
    asked, _ = inference.read(columns, head + numbers.tobytes(), whole, MOST)
    np.testing.assert_array_equal(np.asarray(asked.rows, dtype=float), numbers)
    for body, length in (
        (head + numbers.tobytes() + b"more", whole),
        (head + numbers.tobytes()[:-1], whole),
        (head + numbers.tobytes(), None),
        (head + numbers.tobytes(), str(len(head) + 1000).encode()),
        (head + numbers.tobytes(), str(len(head) - 1).encode()),
    ):
        try:
            inference.read(columns, body, length, MOST)
        except Refusal:
            continue
        raise AssertionError(f"taken: {body!r} with {length!r}")
