"""Which part each row belongs to: by a hash of itself or of its group, at random within each class, or by its time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from dropforge.data.hashing import row_hashes, uniform
from dropforge.documents import Problem, UserError
from dropforge.settings import Data, Split

Part = Literal["train", "test", "holdout"]
PARTS: tuple[Part, ...] = ("train", "test", "holdout")


@dataclass(frozen=True)
class Parting:
    """How rows were parted, as far as it says which of them a model learned from.

    Parameters
    ----------
    rule : str
        Names the way: under the same rule, a row that was there before is in the part that it was in. Not so by time,
        where later rows move those before them from one part to the one before it.
    test_from, holdout_from : float
        By time: when the rows of these parts begin.
    """

    rule: str
    test_from: float = 0
    holdout_from: float = 0

    @property
    def tag(self) -> str:
        """What a version keeps of the parting that it was trained under."""
        return f"{self.rule} {self.test_from}"

    def unseen_by(self, tag: str) -> bool:
        """Return whether no row of this holdout was a training row under the parting of ``tag``."""
        rule, _, test_from = tag.partition(" ")
        return rule == self.rule and json.loads(test_from) <= self.holdout_from


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


def parting_of(frame: pd.DataFrame, data: Data, state: str) -> Parting:
    """Return how the rows are parted; ``state`` is the digest of the frame, and the rest as in :func:`parts_of`."""
    split = data.split
    if split.time:
        test, holdout = _cuts(_times(frame[split.time], data), split)
        return Parting(_digest("time", split.time), test.item(), holdout.item())
    shares = (split.test, split.holdout, split.seed)
    if split.method == "random":
        # By place among the rows of a class: any other row may move all.
        return Parting(_digest("random", *shares, data.target, state))
    key = split.group or data.id
    return Parting(_digest("hash", *shares, *([key] if key else map(str, frame.columns))))


def _digest(*what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:32]


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
    test, holdout = _cuts(times, split)
    return (times >= test).astype(np.int64) + (times >= holdout)


def _cuts(times: np.ndarray, split: Split) -> tuple[np.generic, np.generic]:
    """Return when the test rows begin, and the holdout rows."""
    ordered = np.sort(times)
    # At least one row is earlier than the test rows begin, whatever the shares.
    test, holdout = (ordered[int(len(ordered) * (1 - share))] for share in (split.test + split.holdout, split.holdout))
    return test, holdout


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
