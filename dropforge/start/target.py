"""Which column is predicted: the one that is evident, those that may be it, and why one cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropforge.documents import Problem, UserError, did_you_mean
from dropforge.start.columns import columns_of

EVIDENT = frozenset({"target", "label", "class", "y", "outcome"})
MOST_CLASSES = 100
FEWEST_ROWS = 3  # one for each part


@dataclass(frozen=True)
class Classes:
    """What the target takes: each class with its number of rows, and the rows without one."""

    rows: Mapping[object, int]
    without: int

    @property
    def shares(self) -> dict[object, float]:
        """Each class with its share of the rows, the most frequent first."""
        total = sum(self.rows.values())
        return {label: count / total for label, count in sorted(self.rows.items(), key=lambda item: -item[1])}


def evident(frame: pd.DataFrame) -> str | None:
    """Return the column whose name says that it is the target, if one alone does."""
    named = [name for name in frame.columns if name.strip().lower() in EVIDENT]
    return named[0] if len(named) == 1 else None


def candidates(frame: pd.DataFrame) -> list[str]:
    """Return the columns that could be predicted, the last one first: that is where most tables have it."""
    found = [
        column.name
        for column in columns_of(frame)
        if column.kind in ("number", "category")
        and 1 < column.distinct <= min(MOST_CLASSES, len(frame) // FEWEST_ROWS)
        and not _is_quantity(frame[column.name].dropna())
    ]
    return found[::-1]


def classes_of(frame: pd.DataFrame, target: str, source: str) -> Classes:
    """Return the classes that a column takes.

    Raises
    ------
    UserError
        If there is no such column, or no classifier can learn it.
    """
    if target not in frame.columns:
        known = list(frame.columns)
        remedy = did_you_mean(target, known) or f"It has: {', '.join(known)}."
        raise UserError(Problem(f"there is no column '{target}'", remedy, source))
    values = frame[target].dropna()
    if wrong := _wrong(values, target):
        raise UserError(Problem(*wrong, source))
    counts = values.value_counts(sort=False)
    rows = {label: int(count) for label, count in zip(counts.index.tolist(), counts.tolist(), strict=True) if count}
    return Classes(rows, len(frame) - len(values))


def _wrong(values: pd.Series, target: str) -> tuple[str, str] | None:
    try:
        distinct = len(np.unique(values))
    except TypeError:
        return f"the target '{target}' mixes numbers and text", "Make it one of the two."
    if distinct < 2:  # noqa: PLR2004 - a classifier needs two
        return f"the target '{target}' has fewer than two classes", "Choose another with --target."
    if values.dtype == object and set(map(type, values)) == {bool}:
        remedy = "Write yes and no instead, or fill the gaps."
        return f"the target '{target}' is true or false with gaps, which scikit-learn does not take", remedy
    many = distinct > MOST_CLASSES
    dates = pd.api.types.is_datetime64_any_dtype(values)
    if dates or _is_quantity(values) or (many and pd.api.types.is_numeric_dtype(values)):
        holds = "dates" if dates else f"quantities ({distinct} numbers)"
        message = f"the target '{target}' holds {holds}, and Dropforge predicts classes"
        return message, "Add a column that names a range of it (low, middle, high), or choose another with --target."
    if many or distinct * 2 > len(values):
        message = f"the target '{target}' has {distinct} classes in {len(values)} rows"
        return message, "Fold rare ones into one, or choose another with --target."
    return None


def _is_quantity(values: pd.Series) -> bool:
    if not pd.api.types.is_float_dtype(values):
        return False
    numbers = values.to_numpy(dtype=np.float64)
    return bool((numbers != np.floor(numbers)).any())
