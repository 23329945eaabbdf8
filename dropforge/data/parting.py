"""Which part each row belongs to: by a hash of itself or of its group, at random within each class, or by its time."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from dropforge.data.hashing import row_hashes, uniform
from dropforge.documents import Problem, UserError
from dropforge.settings import Data, Split

Part = Literal["train", "test", "holdout"]
PARTS: tuple[Part, ...] = ("train", "test", "holdout")


def parts_of(frame: pd.DataFrame, data: Data) -> np.ndarray:
    """Return the part of each row: its place in PARTS, shape (n_rows,).

    Parameters
    ----------
    frame : pandas.DataFrame
        All columns, and rows that have a target.
    data : Data
        The settings.

    Raises
    ------
    UserError
        If a row has no group, or no time.
    """
    split = data.split
    if split.time:
        return _by_time(_times(frame[split.time], data), split)
    if split.method == "random":
        return _by_lot(frame[data.target], split)
    if split.group:
        if frame[split.group].isna().any():
            raise _lacking(frame[split.group], data, "group")
        return part_numbers(row_hashes(frame[[split.group]]), split)
    return part_numbers(row_hashes(frame[[data.id]] if data.id else frame), split)


def part_numbers(hashes: np.ndarray, split: Split) -> np.ndarray:
    """Return the part of each row by its hash."""
    shares = uniform(hashes, split.seed)
    return np.select([shares < split.test, shares < split.test + split.holdout], [1, 2], 0)


def _by_lot(target: pd.Series, split: Split) -> np.ndarray:
    """Draw at random within each class, so that each part has its share of every class."""
    numbers = np.zeros(len(target), dtype=np.int64)
    random = np.random.default_rng(split.seed)
    for label in np.unique(target):
        rows = random.permutation(np.flatnonzero(target == label))
        test, holdout = (max(1, round(share * len(rows))) for share in (split.test, split.holdout))
        numbers[rows[:test]] = 1
        numbers[rows[test : test + holdout]] = 2
    return numbers


def _by_time(times: np.ndarray, split: Split) -> np.ndarray:
    """Learn from the past: the latest rows are the holdout, those before them the test. A moment is in one part."""
    ordered = np.sort(times)
    # At least one row is earlier than the test rows begin, whatever the shares.
    test, holdout = (ordered[int(len(ordered) * (1 - share))] for share in (split.test + split.holdout, split.holdout))
    return (times >= test).astype(np.int64) + (times >= holdout)


def _times(values: pd.Series, data: Data) -> np.ndarray:
    if values.isna().any():
        raise _lacking(values, data, "time")
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64)
    try:
        return pd.to_datetime(values, format="ISO8601", utc=True).astype("int64").to_numpy()
    except (ValueError, TypeError) as error:
        message = f"the column '{data.split.time}' (data.split.time) holds no times: {error}"
        raise UserError(
            Problem(message, "Write them as 2026-01-31 or 2026-01-31T12:00, or as numbers.", data.source)
        ) from error


def _lacking(values: pd.Series, data: Data, what: str) -> UserError:
    message = f"{values.isna().sum()} rows have no value in '{values.name}' (data.split.{what})"
    return UserError(Problem(message, "Fill the gaps, or take these rows out.", data.source))
