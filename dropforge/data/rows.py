"""A pipeline's rows with their parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dropforge.data.hashing import data_digest, row_hashes, uniform
from dropforge.data.sources import read_frame
from dropforge.documents import Problem, UserError
from dropforge.settings import Data

SHOWN_CLASSES = 5
Part = Literal["train", "test", "holdout"]


@dataclass(frozen=True)
class Rows:
    """A pipeline's data.

    Parameters
    ----------
    features : pandas.DataFrame
        What is learned from, shape (n_rows, n_features).
    target : pandas.Series
        What is predicted, shape (n_rows,).
    parts : numpy.ndarray
        The part of each row: ``train``, ``test`` or ``holdout``.
    source : str
        Where they come from, as the spec says it.
    digest : str
        Names the state of the data, and what is predicted from it.
    """

    features: pd.DataFrame
    target: pd.Series
    parts: np.ndarray
    source: str
    digest: str

    @property
    def holdout_digest(self) -> str:
        """Names the rows of the part ``holdout``: versions are comparable where it is the same."""
        content = self.digest.encode() + (self.parts == "holdout").tobytes()
        return hashlib.sha256(content).hexdigest()[:32]

    def part(self, part: Part) -> tuple[pd.DataFrame, pd.Series]:
        """Return features and target of one part."""
        rows = self.parts == part
        return self.features[rows], self.target[rows]

    def count(self, part: Part) -> int:
        """Return how many rows a part has."""
        return int((self.parts == part).sum())

    @property
    def classes(self) -> list[object]:
        """The labels that the target takes, sorted."""
        return np.unique(self.target).tolist()


def load(data: Data, home: Path) -> Rows:
    """Read a pipeline's data and part its rows.

    A row's part follows from a hash of its ``id`` column, or of its content, and the seed: rows that are added
    later move no other row, and duplicates share a part.

    Parameters
    ----------
    data : Data
        The settings.
    home : pathlib.Path
        The project's folder; relative paths start there.

    Raises
    ------
    UserError
        If the data cannot be used.
    """
    frame = read_frame(data.source, home)
    for column, key in ((data.target, "target"), (data.id, "id")):
        if column is not None and column not in frame.columns:
            raise _error(data, f"there is no column '{column}' (data.{key})", f"It has: {', '.join(map(str, frame))}.")
    frame = frame[frame[data.target].notna()]
    hashes = row_hashes(frame[[data.id]] if data.id else frame)
    shares = uniform(hashes, data.split.seed)
    parts = np.select(
        [shares < data.split.test, shares < data.split.test + data.split.holdout],
        ["test", "holdout"],
        "train",
    )
    digest = hashlib.sha256(repr((data_digest(frame), data.target, data.id)).encode()).hexdigest()[:32]
    features = frame.drop(columns=[column for column in (data.target, data.id) if column])
    rows = Rows(features, frame[data.target], parts, data.source, digest)
    _check(rows, data)
    return rows


def _check(rows: Rows, data: Data) -> None:
    if rows.features.shape[1] == 0:
        raise _error(data, "there is no column to learn from", "Add columns beside the target.")
    try:
        labels = set(rows.classes)
    except TypeError:
        raise _error(data, f"the target '{data.target}' mixes numbers and text", "Make it one of the two.") from None
    if len(labels) < 2:  # noqa: PLR2004 - a classifier needs two
        raise _error(data, f"the target '{data.target}' has fewer than two classes", "Choose another target.")
    for part in ("train", "test", "holdout"):
        present = set(np.unique(rows.part(part)[1]))
        if missing := labels - present:
            names = ", ".join(sorted(map(str, missing))[:SHOWN_CLASSES])
            names += f" and {len(missing) - SHOWN_CLASSES} more" if len(missing) > SHOWN_CLASSES else ""
            raise _error(
                data,
                f"no row of the part '{part}' has the class {names}",
                "Add rows, or choose other shares or another seed.",
            )


def _error(data: Data, message: str, remedy: str) -> UserError:
    return UserError(Problem(message, remedy, data.source))
