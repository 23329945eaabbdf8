"""A pipeline's rows with their parts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from dropforge.data.columns import Column, columns_of, plain_values
from dropforge.data.hashing import data_digest
from dropforge.data.parting import PARTS, Part, Parting, parting_of, parts_of
from dropforge.data.sources import read_frame
from dropforge.documents import Problem, UserError
from dropforge.settings import Data, Features

SHOWN_CLASSES = 5


@dataclass(frozen=True)
class Rows:
    """A pipeline's data, ordered by part; within a part the rows are in the order of their source.

    Parameters
    ----------
    features : pandas.DataFrame
        What is learned from, shape (n_rows, n_features).
    target : pandas.Series
        What is predicted, shape (n_rows,).
    parts : Mapping
        Where the rows of each part are: ``train``, ``test`` and ``holdout``.
    source : str
        Where they come from, as the spec says it.
    digest : str
        Names the state of the data, and what is predicted from it.
    holdout_digest : str
        Names the rows of the part ``holdout``: scores are comparable where it is the same.
    parting : Parting
        How they were parted: it tells whether a version learned from rows of the part ``holdout``.
    columns : tuple of Column
        What the features hold.
    along : pandas.Series, optional
        The group or the time that parts the rows, where the split names one.
    """

    features: pd.DataFrame
    target: pd.Series
    parts: Mapping[Part, slice]
    source: str
    digest: str
    holdout_digest: str
    parting: Parting
    columns: tuple[Column, ...] = ()
    along: pd.Series | None = None

    def part(self, part: Part) -> tuple[pd.DataFrame, pd.Series]:
        """Return features and target of one part; they are views, not copies."""
        rows = self.parts[part]
        return self.features.iloc[rows], self.target.iloc[rows]

    def count(self, part: Part) -> int:
        """Return how many rows a part has."""
        rows = self.parts[part]
        return rows.stop - rows.start

    @cached_property
    def classes(self) -> list[object]:
        """The labels that the target takes, sorted."""
        return np.unique(self.target).tolist()


def read_rows(data: Data, home: Path) -> Rows:
    """Read a pipeline's data from its source and part its rows.

    Unless the split says otherwise, a row's part follows from a hash of its ``id`` column, or of its content, and the
    seed: rows that are added later move no other row, and duplicates share a part.

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
    return part_rows(read_frame(data.source, home, data.csv), data)


def part_rows(frame: pd.DataFrame, data: Data) -> Rows:
    """Part rows that were read already, as :func:`read_rows` does.

    Raises
    ------
    UserError
        If they cannot be used.
    """
    for column, key in _named(data):
        if column not in frame.columns:
            raise _error(data, f"there is no column '{column}' (data.{key})", f"It has: {', '.join(map(str, frame))}.")
    frame = frame[frame[data.target].notna()]
    if frame.empty:
        raise _error(data, "there are no rows with a target", f"Add rows with a value in '{data.target}'.")
    numbers = parts_of(frame, data)
    features = _plain(frame[_learned_from(list(frame.columns), data)])
    # Which columns there are to learn from counts only where somebody chose them.
    chosen = () if data.features == Features() else (list(features),)
    state = data_digest(frame)
    digest = _digest(repr((state, data.target, data.id, *chosen)).encode())
    along = data.split.group or data.split.time
    order = np.argsort(numbers, kind="stable")
    stops = np.cumsum([0, *np.bincount(numbers, minlength=len(PARTS))]).tolist()
    rows = Rows(
        features=_ordered(features, order),
        target=frame[data.target].iloc[order].reset_index(drop=True),
        parts={part: slice(*stops[number : number + 2]) for number, part in enumerate(PARTS)},
        source=data.source,
        digest=digest,
        holdout_digest=_digest(digest.encode() + (numbers == PARTS.index("holdout")).tobytes()),
        parting=parting_of(frame, data, state),
        columns=columns_of(features),
        along=frame[along].iloc[order].reset_index(drop=True) if along else None,
    )
    _check(rows, data)
    return rows


def _named(data: Data) -> Iterator[tuple[str, str]]:
    """Yield the columns that the settings name, each with its key."""
    yield data.target, "target"
    if data.id:
        yield data.id, "id"
    if data.split.group:
        yield data.split.group, "split.group"
    if data.split.time:
        yield data.split.time, "split.time"
    yield from ((name, "features.include") for name in data.features.include)
    yield from ((name, "features.exclude") for name in data.features.exclude)


def _learned_from(columns: list[str], data: Data) -> list[str]:
    """Return the columns that are features, in the table's order."""
    kept = set(data.features.include or columns) - {
        *data.features.exclude,
        data.target,
        data.id,
        data.split.group,
        data.split.time,
    }
    return [column for column in columns if column in kept]


def _plain(features: pd.DataFrame) -> pd.DataFrame:
    """Return the features in the types that scikit-learn takes; what is so already is not copied."""
    found = {name: plain_values(values) for name, values in features.items()}
    if all(values.dtype is before for values, before in zip(found.values(), features.dtypes, strict=True)):
        return features
    return pd.DataFrame(found)


def _ordered(features: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """Return the rows in an order, numbered from 0.

    Numbers of one type lie in memory row after row: a part is one piece, and what most of scikit-learn asks for.
    """
    dtypes = set(features.dtypes)
    if len(dtypes) == 1 and isinstance(dtype := dtypes.pop(), np.dtype) and dtype.kind in "biuf":
        return pd.DataFrame(np.take(features.to_numpy(), order, axis=0), columns=features.columns, copy=False)
    return features.iloc[order].reset_index(drop=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _check(rows: Rows, data: Data) -> None:
    if rows.features.shape[1] == 0:
        raise _error(data, "there is no column to learn from", "Add columns beside the target.")
    if infinite := [name for name, values in rows.features.items() if _infinite(values)]:
        count = sum(_infinite(rows.features[name]) for name in infinite)
        raise _error(
            data,
            f"{count} values are infinite, in the columns: {first_few(infinite)}",
            "Correct them, leave them empty, or leave the columns out (data.features.exclude).",
        )
    try:
        labels = set(rows.classes)
    except TypeError:
        raise _error(data, f"the target '{data.target}' mixes numbers and text", "Make it one of the two.") from None
    if len(labels) < 2:  # noqa: PLR2004 - a classifier needs two
        raise _error(data, f"the target '{data.target}' has fewer than two classes", "Choose another target.")
    _check_classes(rows, data)


def _check_classes(rows: Rows, data: Data) -> None:
    """See that each part has a row of every class: else it could be neither learned nor measured."""
    counts = {part: Counter(rows.part(part)[1]) for part in PARTS}
    lacking = {label: [part for part in PARTS if not counts[part][label]] for label in rows.classes}
    small = {label: parts for label, parts in lacking.items() if parts}
    if not small:
        return
    total = {label: sum(found[label] for found in counts.values()) for label in small}
    rows_of = {label: f"{count} row{'s' * (count > 1)}" for label, count in total.items()}
    told = [f"'{label}' ({rows_of[label]}, none in {' or '.join(parts)})" for label, parts in small.items()]
    few = len(told) == 1
    raise _error(
        data,
        f"{'a class is' if few else f'{len(told)} classes are'} too small for the parts: {first_few(told)}",
        _remedy(data, min(total.values())),
    )


def _remedy(data: Data, rarest: int) -> str:
    """Return what helps a class of so many rows, none of which is in some part."""
    if rarest < len(PARTS):
        return f"A class needs a row in each of {len(PARTS)} parts: add rows of it, or take those that there are out."
    split = data.split
    if split.time:
        return "Add rows, or choose larger shares: by data.split.time the latest rows are tested with."
    if split.group:
        return "Add groups with it, or choose another data.split.seed or larger shares."
    return "Write data.split: {method: random}, which gives each part its share of every class; or take another seed."


def _infinite(values: pd.Series) -> int:
    return int(np.isinf(values).sum()) if pd.api.types.is_float_dtype(values) else 0


def first_few(labels: Sequence[object]) -> str:
    """Return the first few labels, and how many more there are."""
    names = ", ".join(map(str, labels[:SHOWN_CLASSES]))
    return f"{names} and {len(labels) - SHOWN_CLASSES} more" if len(labels) > SHOWN_CLASSES else names


def _error(data: Data, message: str, remedy: str) -> UserError:
    return UserError(Problem(message, remedy, data.source))
