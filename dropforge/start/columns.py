"""What a table's columns hold, and whether a model can learn from them as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

Kind = Literal[
    "number",
    "category",
    "identifier",
    "constant",
    "date",
    "text",
    "written number",
    "mixed",
    "empty",
    "too large",
    "other",
]

SAMPLE = 200  # values that are looked at to tell what a text is
FEW_EACH = 5  # a text column is one of categories if a value has that many rows on average ...
FEW_VALUES = 10  # ... or if there are no more than that many
_FLOAT32 = float(np.finfo(np.float32).max)  # what trees compute with
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?|\d{4}[./]\d{1,2}[./]\d{1,2}.*")
_WRITTEN = re.compile(r"\W{0,3}\d[\d.,'\s]*\W{0,3}")
_POSITION = re.compile(r"(?i:index|row|unnamed: 0)")  # where a row stood, rather than what it is
_ID = re.compile(r"(?i:id|uuid|guid|index|row|unnamed: 0|(.*[_\s.-])(id|uuid|guid))|.*[a-z0-9]I[dD]")

# What is done about columns that no model of the samples takes.
_WHY: dict[Kind, str] = {
    "identifier": "another value in each row, as of an identifier; the samples leave it out",
    "constant": "the same value in each row; the samples leave it out",
    "date": "dates; the samples leave it out: add columns of numbers, such as the days since",
    "text": "free text; the samples leave it out: nearly each row has a value of its own",
    "written number": "numbers written as text; the samples leave it out: write 1234.5, with no sign or unit",
    "mixed": "words among numbers, or true and false with gaps; the samples leave it out: use one or the other",
    "empty": "no value in any row; the samples leave it out",
    "too large": "infinite or very large numbers; the samples leave it out: correct them, or leave them empty",
    "other": "neither numbers nor words; the samples leave it out",
}


@dataclass(frozen=True)
class Column:
    """A column that is not the target.

    Parameters
    ----------
    name : str
        Its name.
    kind : str
        What it holds.
    missing : int
        Rows without a value.
    distinct : int
        How many values there are.
    nullable : bool
        Whether its gaps are of a type that most of scikit-learn refuses (parquet files can have it).
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    nullable: bool = False

    @property
    def used(self) -> bool:
        """Whether the samples learn from it."""
        return self.kind in ("number", "category")

    @property
    def note(self) -> str:
        """What holds of it beyond plain numbers; empty if nothing does."""
        if self.kind == "category":
            gaps = f", {self.missing} rows without one" if self.missing else ""
            return f"text with {self.distinct} values{gaps}; the samples make a column of each (one-hot)"
        if self.kind == "number":
            return f"{self.missing} rows have no value; the samples deal with that" if self.missing else ""
        return _WHY[self.kind]


def columns_of(frame: pd.DataFrame, *without: str | None) -> tuple[Column, ...]:
    """Return what the columns of a table hold, but for those named in ``without``."""
    named = identifiers(frame)
    return tuple(_column(name, frame[name], name in named) for name in frame.columns if name not in without)


def identifiers(frame: pd.DataFrame) -> list[str]:
    """Return the columns that name or number the rows, by their name, and as each row has another value.

    Those that say where a row stood when the table was written come last.
    """
    found = [name for name in frame.columns if _ID.fullmatch(name) and _is_key(frame[name])]
    return sorted(found, key=lambda name: bool(_POSITION.fullmatch(name)))


def _is_key(values: pd.Series) -> bool:
    whole = not pd.api.types.is_float_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return whole and bool(values.notna().all()) and values.is_unique


def _column(name: str, values: pd.Series, is_identifier: bool) -> Column:
    missing = int(values.isna().sum())
    kind: Kind = "identifier" if is_identifier else _kind(values, missing)
    distinct = 0 if kind == "other" else int(values.nunique())
    if kind in ("number", "category") and distinct == 1 and not missing:
        kind = "constant"
    nullable = bool(missing) and pd.api.types.is_extension_array_dtype(values.dtype) and kind == "number"
    return Column(name, kind, missing, distinct, nullable)


def _kind(values: pd.Series, missing: int) -> Kind:
    dtype = values.dtype
    if missing == len(values):
        return "empty"
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return "date"
    if pd.api.types.is_complex_dtype(dtype):
        return "other"
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        largest = np.abs(values.to_numpy(dtype=np.float64, na_value=0.0)).max()
        return "number" if largest <= _FLOAT32 else "too large"
    return _kind_of_objects(values.dropna(), len(values))


def _kind_of_objects(present: pd.Series, rows: int) -> Kind:
    if isinstance(present.dtype, pd.CategoricalDtype):
        types = set(map(type, present.cat.categories.tolist()))
        if len(types) == 1 and types <= {int, float, bool}:
            return "category"
    else:
        types = {str} if isinstance(present.dtype, pd.StringDtype) else set(map(type, present))
    if types == {str}:
        return _kind_of_texts(present, rows)
    return "mixed" if types <= {str, int, float, bool} else "other"


def _kind_of_texts(present: pd.Series, rows: int) -> Kind:
    values = present.unique()
    shown = [str(value).strip() for value in values[:SAMPLE]]
    if all(_DATE.fullmatch(text) for text in shown):
        return "date"
    if len(values) > FEW_VALUES and all(_WRITTEN.fullmatch(text) for text in shown):
        return "written number"
    return "category" if len(values) <= FEW_VALUES or len(values) * FEW_EACH <= rows else "text"
