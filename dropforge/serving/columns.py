"""What a model takes: its signature's columns, as types that msgspec reads, checks and documents."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from dropforge.documents import Problem, UserError
from dropforge.serving.errors import Refusal

LARGEST = float(np.finfo(np.float32).max)  # many models compute in 32 bits, and take nothing beyond
LARGEST_WHOLE = 2**53 - 1  # as 64 bits of floating point, and JavaScript's JSON, hold it
NUMERIC = {"double": "f8", "float": "f4", "long": "i8", "integer": "i4"}
KEYS = ("dataframe_split", "dataframe_records", "inputs", "instances")

Number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
# 3.0 is a whole number too; clients that keep columns in one table send it.
Whole = Annotated[float, msgspec.Meta(ge=-LARGEST_WHOLE, le=LARGEST_WHOLE, multiple_of=1)]
_TYPES: Mapping[str, Any] = {
    "double": Number, "float": Number, "long": Whole, "integer": Whole, "boolean": bool, "string": str,
}  # fmt: skip


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The parameters of a request."""

    probabilities: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the signature: its name, MLflow's type, and whether a value may be missing."""

    name: str
    kind: str
    nullable: bool

    @property
    def type(self) -> Any:
        """What msgspec reads a value as."""
        found = _TYPES.get(self.kind, Any)
        return found | None if self.nullable else found


class Columns:
    """The columns of a model, and the types of its requests.

    Parameters
    ----------
    columns : sequence of Column
        In the order of the signature.
    schema : mlflow.types.Schema
        The same in MLflow's words.
    """

    def __init__(self, columns: Sequence[Column], schema: Schema) -> None:
        self.columns, self.schema = tuple(columns), schema
        self.names = tuple(column.name for column in columns)
        self.numeric = all(column.kind in NUMERIC for column in columns)
        self.dtype = np.result_type(*(NUMERIC[column.kind] for column in columns)) if self.numeric else None
        self.whole = [place for place, column in enumerate(columns) if column.kind in ("long", "integer")]
        self.narrow = [place for place, column in enumerate(columns) if column.kind == "float"]
        self.gapless = [place for place, column in enumerate(columns) if not column.nullable]
        self.types = {strict: self._types(strict) for strict in (True, False)}
        self.decoders = {strict: msgspec.json.Decoder(kind) for strict, kind in self.types.items()}

    @classmethod
    def of(cls, signature: ModelSignature | None, nullable: bool) -> Columns:
        """Return the columns of a signature.

        Parameters
        ----------
        signature : ModelSignature or None
            The model's.
        nullable : bool
            Whether a value may be missing in any column; else only where the signature says so.

        Raises
        ------
        UserError
            If the signature does not name its columns.
        """
        inputs = signature.inputs if signature else None
        if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
            raise UserError(Problem("it has no signature with named columns", "Train it again, or log it with one."))
        return cls([_column(spec, nullable) for spec in inputs.inputs], inputs)

    def _types(self, strict: bool) -> Any:
        """Return the type of a request's body; one that is not ``strict`` ignores columns that the model lacks."""
        fields = [(f"c{place}", column) for place, column in enumerate(self.columns)]
        rename = {field: column.name for field, column in fields}
        row: Any = msgspec.defstruct(
            "Row", [(field, column.type) for field, column in fields], rename=rename, forbid_unknown_fields=strict
        )
        lists: Any = msgspec.defstruct(
            "Columns",
            [(field, list_of(column.type)) for field, column in fields],
            rename=rename,
            forbid_unknown_fields=strict,
        )
        # Where columns differ in type, a value is looked at again once its column is known.
        cells = list_of(Number | None if self.numeric else str | bool | int | float | None)
        unset = msgspec.UnsetType
        split: Any = msgspec.defstruct(
            "Split",
            [
                ("data", list_of(cells)),
                ("columns", list[str] | unset, msgspec.UNSET),
                ("index", list[Any] | unset, msgspec.UNSET),
            ],
            forbid_unknown_fields=True,
        )
        return msgspec.defstruct(
            "Request",
            [
                ("dataframe_split", split | unset, msgspec.UNSET),
                ("dataframe_records", list_of(row) | unset, msgspec.UNSET),
                ("inputs", lists | list_of(row | cells) | unset, msgspec.UNSET),
                ("instances", list_of(row | cells) | unset, msgspec.UNSET),
                ("params", Params | unset, msgspec.UNSET),
            ],
            forbid_unknown_fields=True,
        )

    # What was read, in the order of the signature

    def order(self, given: Sequence[str], strict: bool) -> list[int]:
        """Return where each column of the signature is among the names that were given.

        Raises
        ------
        Refusal
            If one is missing, there twice, or (``strict``) is none of the model's.
        """
        places = {name: place for place, name in enumerate(given)}
        if len(places) != len(given):
            twice = next(name for place, name in enumerate(given) if places[name] != place)
            raise Refusal(400, f"the column '{twice[:100]}' is there twice", "Send each column once.", twice[:100])
        for name in self.names:
            if name not in places:
                raise Refusal(400, f"the column '{name}' is missing", self.remedy, name)
        if strict and len(given) != len(self.names):
            extra = next(name for name in given if name not in self.names)
            raise Refusal(400, f"the model has no column '{extra[:100]}'", LEAVE_OUT, extra[:100])
        return [places[name] for name in self.names]

    def check(self, matrix: np.ndarray) -> np.ndarray:
        """Return numbers, shape (n_rows, n_columns), as the model takes them.

        Raises
        ------
        Refusal
            If one is missing where the model takes no gaps, too large, or not whole in a column of whole numbers.
        """
        with np.errstate(invalid="ignore"):
            if not (np.abs(matrix) <= LARGEST).all():
                self._refuse(np.abs(matrix) > LARGEST, range(len(self.names)), "is infinite, or too large")
                self._refuse(
                    np.isnan(matrix), self.gapless, "is missing, and the model takes none that is missing here"
                )
            if self.whole:
                bad = (matrix != np.floor(matrix)) | (np.abs(matrix) > LARGEST_WHOLE)
                self._refuse(bad, self.whole, "is no whole number that 64 bits of floating point hold")
        for place in self.narrow:
            matrix[:, place] = matrix[:, place].astype("f4")
        return matrix.astype(self.dtype, copy=False)

    def frame(self, matrix: np.ndarray) -> pd.DataFrame:
        """Return numbers as a DataFrame, each column of its own type."""
        types = {column.name: NUMERIC[column.kind] for column in self.columns}
        return pd.DataFrame(matrix, columns=list(self.names)).astype(types)

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """Return a table of numbers as the model takes them."""
        return np.ascontiguousarray(frame[list(self.names)].to_numpy(self.dtype))

    def _refuse(self, bad: np.ndarray, places: Sequence[int], reason: str) -> None:
        """Refuse the first value that is bad in one of the columns."""
        part = bad[:, list(places)]
        if part.any():
            row, place = (int(number) for number in np.argwhere(part)[0])
            raise Refusal(400, f"the value {reason}", self.remedy, self.names[places[place]], row)

    @property
    def remedy(self) -> str:
        """What to do where a row does not fit."""
        shown = ", ".join(f"{column.name} ({column.kind})" for column in self.columns[:SHOWN])
        more = len(self.columns) - SHOWN
        return f"The model takes: {shown}{f' and {more} more' if more > 0 else ''}."


def list_of(kind: Any) -> Any:
    """Return the type of a list whose items are of a type that is known at run time only."""
    return types.GenericAlias(list, (kind,))


SHOWN = 20
LEAVE_OUT = "Leave it out, or add ?extra=ignore to the address."


def _column(spec: ColSpec, nullable: bool) -> Column:
    kind = str(getattr(spec.type, "name", spec.type))
    if kind in ("long", "integer"):
        return Column(str(spec.name), kind, nullable=False)  # numpy's whole numbers know no gap
    return Column(str(spec.name), kind, nullable=not spec.required or (nullable and kind != "boolean"))
