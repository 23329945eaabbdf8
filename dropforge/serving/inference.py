"""The Open Inference Protocol (version 2), with its extension for binary tensors."""

from __future__ import annotations

import re
import struct
from typing import Any

import msgspec
import numpy as np

from dropforge.serving.columns import Columns, list_of
from dropforge.serving.errors import Refusal
from dropforge.serving.predictor import Answer, Predictor
from dropforge.serving.reading import Asked, framed, limited

LENGTH_HEADER = "Inference-Header-Content-Length"
LABELS, PROBABILITIES = "predict", "predict_proba"
EXTENSIONS = ["binary_tensor_data"]
_DTYPES = {
    "FP64": "f8", "FP32": "f4", "FP16": "f2", "INT64": "i8", "INT32": "i4", "INT16": "i2", "INT8": "i1",
    "UINT64": "u8", "UINT32": "u4", "UINT16": "u2", "UINT8": "u1", "BOOL": "?",
}  # fmt: skip
_OF_COLUMN = {
    "double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL",
}  # fmt: skip
_REMEDY = "GET /v2/models/<pipeline> shows what the model takes."
_MOST_DIMENSIONS = 2


class Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent for one input."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] = {}


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """A request for inference."""

    inputs: list[Tensor]
    id: str | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] = {}
    outputs: list[Wanted] = []


_decoder = msgspec.json.Decoder(Request)


def read(columns: Columns, body: bytes, header_length: bytes | None, most: int) -> tuple[Asked, Request]:
    """Return what a body asks for, and the request as it was sent.

    The inputs are one tensor for each column, or one matrix of numbers with the columns in their order.

    Raises
    ------
    Refusal
        If it cannot be read, or does not fit.
    """
    request, binary = _decoded(body, header_length)
    values, place = {}, 0
    for tensor in request.inputs:
        size = tensor.parameters.get("binary_data_size")
        part = None
        if size is not None:
            if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) - place:
                raise _bad(tensor, "'binary_data_size' is not what was sent")
            part, place = binary[place : place + size], place + size
        if tensor.name in values:
            raise _bad(tensor, "the input is there twice")
        values[tensor.name] = _array(tensor, part)
    if place != len(binary):
        raise Refusal(400, "more binary data was sent than the inputs name", _REMEDY)
    wanted = {output.name for output in request.outputs}
    if unknown := wanted - {LABELS, PROBABILITIES}:
        name = min(unknown)
        raise Refusal(400, f"there is no output '{name[:100]}'", f"There are: {LABELS}, {PROBABILITIES}.", name[:100])
    probabilities = PROBABILITIES in wanted or request.parameters.get("probabilities") is True
    return Asked(_rows(columns, values, most), probabilities), request


def write(name: str, version: str, asked: Asked, request: Request, found: Answer) -> tuple[bytes, dict[str, str]]:
    """Return the body of an answer, and the headers that it needs."""
    outputs = {LABELS: found.labels}
    if asked.probabilities and found.probabilities is not None:
        outputs[PROBABILITIES] = found.probabilities
    wanted = {output.name: output.parameters for output in request.outputs}
    all_binary = request.parameters.get("binary_data_output") is True
    told, parts = [], []
    for output, value in outputs.items():
        if wanted and output not in wanted:
            continue
        datatype = {"i": "INT64", "u": "INT64", "f": "FP64", "b": "BOOL"}.get(value.dtype.kind, "BYTES")
        about: dict[str, Any] = {"name": output, "datatype": datatype, "shape": list(value.shape)}
        if wanted.get(output, {}).get("binary_data", all_binary) is True:
            parts.append(_packed(value, datatype))
            about["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            about["data"] = np.ravel(value).tolist()
        told.append(about)
    content = {"model_name": name, "model_version": version, "outputs": told}
    if request.id is not msgspec.UNSET:
        content["id"] = request.id
    body = msgspec.json.encode(content)
    return b"".join([body, *parts]), {LENGTH_HEADER: str(len(body))} if parts else {}


def describe(name: str, version: str, predictor: Predictor) -> dict[str, Any]:
    """Return what a model takes and gives."""
    columns, classes = predictor.columns, predictor.classes
    inputs = [
        {"name": column.name, "datatype": _OF_COLUMN.get(column.kind, "BYTES"), "shape": [-1]}
        for column in columns.columns
    ]
    outputs = [{"name": LABELS, "datatype": _datatype(predictor.labels), "shape": [-1]}]
    if classes is not None:
        outputs.append({"name": PROBABILITIES, "datatype": "FP64", "shape": [-1, len(classes)]})
    return {"name": name, "versions": [version], "platform": "sklearn", "inputs": inputs, "outputs": outputs}


def _datatype(values: np.ndarray) -> str:
    return {"i": "INT64", "u": "INT64", "f": "FP64", "b": "BOOL"}.get(values.dtype.kind, "BYTES")


def _decoded(body: bytes, header_length: bytes | None) -> tuple[Request, bytes]:
    binary = b""
    if header_length is not None:
        if not re.fullmatch(rb"\d{1,15}", header_length) or int(header_length) > len(body):
            raise Refusal(400, f"the header {LENGTH_HEADER} is not what was sent", _REMEDY, LENGTH_HEADER)
        body, binary = body[: int(header_length)], body[int(header_length) :]
    try:
        return _decoder.decode(body), binary
    except RecursionError as error:
        raise Refusal(400, "the JSON is nested too deeply", "Send plain values.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message, _, path = str(error).partition(" - at `$")
        field = path.removesuffix("`").lstrip(".") or None
        raise Refusal(400, f"the body is no request for inference: {message}", _REMEDY, field) from error


def _array(tensor: Tensor, binary: bytes | None) -> np.ndarray:
    shape, count = tensor.shape, 1
    if not 1 <= len(shape) <= _MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise _bad(tensor, "the shape is not [rows] or [rows, columns]")
    for size in shape:
        count *= size
    if tensor.datatype not in (*_DTYPES, "BYTES"):
        raise _bad(tensor, f"the datatype '{tensor.datatype[:20]}' is unknown")
    if binary is not None:
        values = _unpacked(tensor, binary)
    elif tensor.data is msgspec.UNSET:
        raise _bad(tensor, "'data' is missing")
    else:
        values = _listed(tensor, tensor.data)
    if len(values) != count:
        raise _bad(tensor, f"the shape {shape} does not fit {len(values)} values")
    return values.reshape(shape)


def _listed(tensor: Tensor, data: list[Any]) -> np.ndarray:
    """Return the values of a tensor in JSON: they may be nested as the shape is, or flat."""
    if data and isinstance(data[0], list):
        if not all(isinstance(row, list) for row in data):
            raise _bad(tensor, "its data is nested unevenly")
        data = [value for row in data for value in row]
    kind = {"FP": float | None, "BO": bool, "BY": str | None}.get(tensor.datatype[:2], int | float)
    try:
        values: Any = msgspec.convert(data, list_of(kind))
        if kind == int | float:
            if any(value % 1 for value in values):
                raise _bad(tensor, f"its data is not of the datatype {tensor.datatype}")
            values = [int(value) for value in values]  # 3.0 is a whole number too
        return np.array(values, dtype=object if tensor.datatype == "BYTES" else _DTYPES[tensor.datatype])
    except (msgspec.ValidationError, OverflowError) as error:
        raise _bad(tensor, f"its data is not of the datatype {tensor.datatype}") from error


def _unpacked(tensor: Tensor, binary: bytes) -> np.ndarray:
    if tensor.datatype == "BYTES":
        return np.array(list(_texts(tensor, binary)), dtype=object)
    dtype = np.dtype(_DTYPES[tensor.datatype]).newbyteorder("<")
    if len(binary) % dtype.itemsize:
        raise _bad(tensor, f"its binary data is not of the datatype {tensor.datatype}")
    return np.frombuffer(binary, dtype).astype(dtype.newbyteorder("="))


def _texts(tensor: Tensor, binary: bytes) -> Any:
    """Give the texts of a tensor: each is preceded by its length in four bytes."""
    place = 0
    while place < len(binary):
        if place + 4 > len(binary):
            raise _bad(tensor, "its binary data ends within a length")
        (length,) = struct.unpack_from("<I", binary, place)
        text, place = binary[place + 4 : place + 4 + length], place + 4 + length
        if place > len(binary):
            raise _bad(tensor, "its binary data ends within a text")
        try:
            yield text.decode()
        except UnicodeDecodeError as error:
            raise _bad(tensor, "a text is not in UTF-8") from error


def _packed(values: np.ndarray, datatype: str) -> bytes:
    if datatype == "BYTES":
        texts = [str(value).encode() for value in np.ravel(values)]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.ascontiguousarray(values).astype(np.dtype(_DTYPES[datatype]).newbyteorder("<")).tobytes()


def _rows(columns: Columns, values: dict[str, np.ndarray], most: int) -> Any:
    if len(values) == 1 and not values.keys() & set(columns.names):
        ((name, matrix),) = values.items()
        if matrix.ndim != _MOST_DIMENSIONS or matrix.shape[1] != len(columns.names) or not columns.numeric:
            raise Refusal(400, f"there is no input '{name[:100]}'", f"{columns.remedy} {_MATRIX}", name[:100])
        limited(len(matrix), most)
        return columns.check(_numbers(name, matrix, columns))
    order = columns.order(list(values), strict=True)
    given = list(values.values())
    lists = [given[place] for place in order]
    for name, value in zip(columns.names, lists, strict=True):
        if (value.ndim == _MOST_DIMENSIONS and value.shape[1] != 1) or len(value) != len(lists[0]):
            raise Refusal(400, f"the shape {list(value.shape)} does not fit", "Each input has one value a row.", name)
    limited(len(lists[0]), most)
    if columns.numeric:
        parts = [_numbers(name, value, columns) for name, value in zip(columns.names, lists, strict=True)]
        return columns.check(np.column_stack([np.ravel(part) for part in parts]))
    plain = {name: np.ravel(value).tolist() for name, value in zip(columns.names, lists, strict=True)}
    return framed(columns, plain)


_MATRIX = "One matrix of numbers with all columns in this order is taken too."


def _numbers(name: str, value: np.ndarray, columns: Columns) -> np.ndarray:
    if value.dtype.kind not in "iuf":
        raise Refusal(400, "the input is no number", columns.remedy, name[:100])
    return value.astype("f8")


def _bad(tensor: Tensor, reason: str) -> Refusal:
    return Refusal(400, f"input '{tensor.name[:100]}': {reason}", _REMEDY, tensor.name[:100])
