"""MLflow's scoring protocol: a body becomes rows in the order of the signature, or a refusal that names the field."""

from __future__ import annotations

import io
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.utils.proto_json_utils import cast_df_types_according_to_schema

from dropforge.serving.columns import KEYS, LEAVE_OUT, Columns, list_of
from dropforge.serving.errors import JSON, Refusal

CSV = "text/csv"
_FORMAT = f"Send a JSON object with exactly one of {', '.join(KEYS)}; /docs has an example."
_TOO_DEEP = Refusal(400, "the JSON is nested too deeply", "Send rows of plain values.")

Rows = np.ndarray | pd.DataFrame


@dataclass(frozen=True)
class Asked:
    """What a request asks for: rows, in the order of the signature, and whether probabilities are wanted."""

    rows: Rows
    probabilities: bool = False

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)


def media_type(content_type: str | None) -> str:
    """Return the media type that a header names: JSON if there is no header.

    Raises
    ------
    Refusal
        If it is none that is spoken here.
    """
    if content_type is None or content_type == JSON:
        return JSON
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    pairs = [parameter.lower().replace(" ", "") for parameter in parameters if parameter]
    if kind.lower() in (JSON, CSV) and all(pair in ("charset=utf-8", 'charset="utf-8"') for pair in pairs):
        return kind.lower()
    raise Refusal(415, "this content type is not spoken", f"Send {JSON} or {CSV} in UTF-8.", "content-type")


def read(columns: Columns, body: bytes, kind: str, most: int, *, strict: bool = True) -> Asked:
    """Return what a body asks for.

    Parameters
    ----------
    columns : Columns
        The model's.
    body : bytes
        As it was sent.
    kind : str
        Its media type: JSON or CSV.
    most : int
        How many rows it may have.
    strict : bool
        Whether a column that the model lacks is refused; else it is ignored.

    Raises
    ------
    Refusal
        If it cannot be read, or does not fit.
    """
    if kind == CSV:
        return Asked(_csv(columns, body, most, strict))
    request = _decoded(columns, body, strict)
    given = [key for key in KEYS if getattr(request, key) is not msgspec.UNSET]
    if len(given) != 1:
        raise Refusal(400, f"{' and '.join(given) or 'none of the keys'} given where one is expected", _FORMAT)
    rows = _rows(columns, given[0], getattr(request, given[0]), most, strict)
    return Asked(rows, request.params is not msgspec.UNSET and request.params.probabilities)


def limited(count: int, most: int) -> None:
    """Refuse too many rows, or none."""
    if count > most:
        raise Refusal(413, f"there are more rows than {most}", "Send them in several requests.")
    if count == 0:
        raise Refusal(400, "there are no rows", "Send at least one.")


def positional(columns: Columns, rows: list[Any], width: int | None = None) -> np.ndarray:
    """Return rows of numbers as an array; each must have ``width`` values, as many as there are columns by default."""
    width = len(columns.names) if width is None else width
    try:
        matrix = np.array(rows, dtype="f8")
    except ValueError:
        matrix = np.empty(0)
    if matrix.ndim != 2 or matrix.shape[1] != width:  # noqa: PLR2004 - rows and columns
        uneven(rows, width)
    return matrix


def uneven(rows: list[Any], width: int) -> None:
    """Refuse the first row that has not as many values as there are columns."""
    for number, row in enumerate(rows):
        if len(row) != width:
            message = f"the row has {len(row)} values where {width} are expected"
            raise Refusal(400, message, "Send a value for each column, in the order of the columns.", None, number)


def framed(columns: Columns, values: dict[str, list[Any]]) -> pd.DataFrame:
    """Return columns of values as MLflow would have them, for a model that takes more than numbers.

    Raises
    ------
    Refusal
        If a value does not fit its column.
    """
    typed = {}
    for column in columns.columns:
        try:
            typed[column.name] = msgspec.convert(values[column.name], list_of(column.type))
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$")
            found = re.match(r"\[(\d+)\]", path)
            raise Refusal(400, _said(reason), columns.remedy, column.name, int(found[1]) if found else None) from error
    try:
        return cast_df_types_according_to_schema(pd.DataFrame(typed), columns.schema)
    except MlflowException as error:
        raise Refusal(400, error.message, columns.remedy) from error


# JSON


def _decoded(columns: Columns, body: bytes, strict: bool) -> Any:
    try:
        return columns.decoders[strict].decode(body)
    except msgspec.ValidationError as error:
        raise _explained(columns, body, str(error)) from error
    except RecursionError as error:
        raise _TOO_DEEP from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Python's own clients write NaN, which is no JSON. For any other mistake Python says where it is.
        value = _by_python(body)
    try:
        return msgspec.convert(value, columns.types[strict])
    except msgspec.ValidationError as error:
        raise _explained(columns, body, str(error)) from error


def _by_python(body: bytes) -> Any:
    def constant(name: str) -> float | None:
        return None if name == "NaN" else float(name)  # infinity is then too large for its column

    try:
        return json.loads(body, parse_constant=constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise Refusal(400, f"the body is no JSON: {error.msg} at {where}", _FORMAT) from error
    except UnicodeDecodeError as error:
        raise Refusal(400, "the body is no JSON: it is not in UTF-8", _FORMAT) from error
    except RecursionError as error:
        raise _TOO_DEEP from error
    except ValueError as error:  # a whole number of thousands of digits
        raise Refusal(400, "a number is too large", "Send numbers that a model can take.") from error


def _rows(columns: Columns, key: str, value: Any, most: int, strict: bool) -> Rows:
    if key == "dataframe_split":
        return _split(columns, value, most, strict)
    if not isinstance(value, list):
        return _lists(columns, msgspec.structs.astuple(value), most)
    limited(len(value), most)
    rows = [row if isinstance(row, list) else msgspec.structs.astuple(row) for row in value]
    if columns.numeric:
        return columns.check(positional(columns, rows))
    uneven(rows, len(columns.names))
    return framed(columns, dict(zip(columns.names, map(list, zip(*rows, strict=True)), strict=True)))


def _split(columns: Columns, value: Any, most: int, strict: bool) -> Rows:
    limited(len(value.data), most)
    names = columns.names if value.columns is msgspec.UNSET else tuple(value.columns)
    order = None if names == columns.names else columns.order(names, strict)
    if columns.numeric:
        matrix = positional(columns, value.data, len(names))
        return columns.check(matrix if order is None else np.ascontiguousarray(matrix[:, order]))
    uneven(value.data, len(names))
    return framed(columns, dict(zip(names, map(list, zip(*value.data, strict=True)), strict=True)))


def _lists(columns: Columns, lists: tuple[list[Any], ...], most: int) -> Rows:
    for name, values in zip(columns.names, lists, strict=True):
        if len(values) != len(lists[0]):
            message = f"the column has {len(values)} values, and '{columns.names[0]}' has {len(lists[0])}"
            raise Refusal(400, message, "Send lists of the same length.", name)
    limited(len(lists[0]), most)
    if columns.numeric:
        return columns.check(np.ascontiguousarray(np.array(lists, dtype="f8").T))
    return framed(columns, dict(zip(columns.names, lists, strict=True)))


# What msgspec says, in our words

_SHOWN = 100  # characters of a name that somebody sent
_WORDS = {
    "`float`": "a number", "`int`": "a whole number", "`str`": "a text", "`bool`": "true or false", "`null`": "null",
    "`object`": "an object", "`array`": "a list", "that's a multiple of 1.0": "that is whole",
    "that's a multiple of 1": "that is whole", "Expected": "expected", "Number out of range": "the number is too large",
}  # fmt: skip
_NAMED = re.compile(r"\.(?:dataframe_records|instances|inputs)\[(?P<row>\d+)\]\.(?P<field>.+)", re.S)
_LISTED = re.compile(r"\.inputs\.(?P<field>.+)\[(?P<row>\d+)\]", re.S)
_PLACED = re.compile(
    r"\.(?:dataframe_split\.data|dataframe_records|instances|inputs)\[(?P<row>\d+)\](?:\[(?P<place>\d+)\])?"
)
_ABOUT = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.S)


def _said(text: str) -> str:
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return re.sub(r"`([^`]*\|[^`]*)`", lambda found: _any_of(found[1].split("|")), text)


def _any_of(kinds: list[str]) -> str:
    return " or ".join(_WORDS.get(f"`{kind.strip()}`", kind.strip()) for kind in kinds)


def _explained(columns: Columns, body: bytes, text: str) -> Refusal:
    """Return the refusal for what msgspec found wrong: at which row, in which column."""
    message, _, path = text.partition(" - at `$")
    path = path.removesuffix("`")
    found = _NAMED.fullmatch(path) or _LISTED.fullmatch(path) or _PLACED.fullmatch(path)
    row = int(found["row"]) if found else None
    field = path.lstrip(".") or None
    if found:
        groups = found.groupdict()
        field = groups.get("field") or _name_at(columns, body, groups.get("place"))
    if about := _ABOUT.fullmatch(message):
        inside = bool(found) or path == ".inputs"
        missing, name = about[1].startswith("missing"), about[2][:_SHOWN]
        if missing:
            message = f"the column '{name}' is missing" if inside else f"the key '{name}' is missing"
        else:
            message = f"the model has no column '{name}'" if inside else f"there is no key '{name}'"
        remedy = columns.remedy if missing else LEAVE_OUT
        return Refusal(400, message, remedy if inside else _FORMAT, name, row)
    return Refusal(400, _said(message), columns.remedy if found else _FORMAT, field and field[:_SHOWN], row)


def _name_at(columns: Columns, body: bytes, place: str | None) -> str | None:
    """Return the name of a column by its place in a row, as the request itself names them."""
    if place is None:
        return None
    names: Any = columns.names
    try:
        given = msgspec.json.decode(body).get("dataframe_split")
    except RecursionError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        given = _by_python(body).get("dataframe_split")
    if isinstance(given, dict) and isinstance(given.get("columns"), list):
        names = given["columns"]
    return str(names[int(place)]) if int(place) < len(names) else None


# CSV


def _csv(columns: Columns, body: bytes, most: int, strict: bool) -> Rows:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refusal(400, "the CSV is not in UTF-8", "Send text in UTF-8.") from error
    types = dict(zip(columns.names, columns.schema.pandas_types(), strict=True))
    try:
        frame = pd.read_csv(io.StringIO(text), dtype=types, nrows=most + 1)
    except Exception as error:
        raise _bad_csv(columns, text, error) from error
    limited(len(frame), most)
    columns.order([str(name) for name in frame.columns], strict)
    frame = frame[list(columns.names)]
    return columns.check(frame.to_numpy("f8")) if columns.numeric else frame


def _bad_csv(columns: Columns, text: str, error: Exception) -> Refusal:
    """Return the refusal for a CSV that pandas cannot read: of which value, if it is one."""
    example = "Send a line of column names, then a line for each row, as pandas' to_csv(index=False) does."
    try:
        frame = pd.read_csv(io.StringIO(text), dtype=str)
    except Exception:
        return Refusal(400, f"the CSV cannot be read: {_short(error)}", example)
    for column in columns.columns:
        if column.name in frame and column.kind in ("double", "float", "long", "integer"):
            values = pd.to_numeric(frame[column.name], errors="coerce")
            bad = values.isna() & (frame[column.name].notna() | (not column.nullable))
            if column.kind in ("long", "integer"):
                bad |= values.notna() & (values % 1 != 0)
            for row in itertools.islice(np.flatnonzero(bad), 1):
                return Refusal(
                    400, f"the value is no number of the type {column.kind}", columns.remedy, column.name, int(row)
                )
    return Refusal(400, f"the CSV cannot be read: {_short(error)}", example)


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
