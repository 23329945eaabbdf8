"""Propose a pipeline from a table: split, metric and limits, each with the reason for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropforge.data.columns import Column, columns_of, identifiers
from dropforge.data.hashing import row_hashes
from dropforge.data.parting import PARTS, part_numbers
from dropforge.data.rows import first_few
from dropforge.documents import Problem, UserError
from dropforge.settings import Split
from dropforge.start.target import FEWEST_ROWS, Classes, classes_of

SEED = 42
SEEDS = 5000
MANY_ROWS = 100_000  # with so many, a tenth is enough to measure and to compare
SLOW_ROWS = 10_000  # from here on, the fits of some estimators take hours
UNEVEN = 0.5  # the rarest class has less than this share of the rows of the most frequent one
# Their time or memory grows with the square of the rows, or faster.
SLOW = ("sklearn.svm.SVC", "sklearn.svm.NuSVC", "sklearn.gaussian_process.*", "sklearn.semi_supervised.Label*")
_FREQUENT = 200  # a class with so many different rows is in every part, whatever the seed


@dataclass(frozen=True)
class Proposal:
    """A pipeline that fits a table.

    Parameters
    ----------
    name, source, target : str
        What it is called, where its rows come from, and the column to predict.
    id : str or None
        The column that identifies a row.
    rows : int
        How many rows have a target.
    columns : tuple of Column
        The others.
    classes : Classes
        What the target takes.
    split : Split
        Under it, every class is in every part.
    metric : str
        The scorer that decides.
    guess : float
        What it gives to whoever always names the most frequent class.
    deny : tuple of str
        Estimators that would take too long.
    """

    name: str
    source: str
    target: str
    id: str | None
    rows: int
    columns: tuple[Column, ...]
    classes: Classes
    split: Split
    metric: str
    guess: float
    deny: tuple[str, ...] = ()

    @property
    def uneven(self) -> bool:
        """Whether some classes are much rarer than others."""
        return is_uneven(self.classes)

    @property
    def minimum(self) -> float:
        """A value of the metric that guessing does not reach, to two decimals."""
        return min(99, math.ceil(self.guess * 100) + 1) / 100


def propose(name: str, source: str, frame: pd.DataFrame, target: str) -> Proposal:
    """Return a pipeline that fits a table.

    Parameters
    ----------
    name : str
        What it is to be called.
    source : str
        Where the rows come from, as the spec will say it.
    frame : pandas.DataFrame
        The rows.
    target : str
        The column to predict.

    Raises
    ------
    UserError
        If no pipeline fits.
    """
    classes = classes_of(frame, target, source)
    identifier = next((column for column in identifiers(frame) if column != target), None)
    frame = frame[frame[target].notna()]
    columns = columns_of(frame, target, identifier)
    if not any(column.used for column in columns):
        held = "; ".join(f"'{column.name}': {column.note}" for column in columns) or "there is no other column"
        remedy = f"Add one of numbers or categories ({held})."
        raise UserError(Problem("there is no column to learn from", remedy, source))
    share = 0.1 if len(frame) > MANY_ROWS else 0.2
    hashes = row_hashes(frame[[identifier]] if identifier else frame)
    split = find_split(hashes, frame[target], share, source)
    metric = metric_for(classes)
    deny = SLOW if len(frame) > SLOW_ROWS else ()
    guess = guessing(metric, classes)
    return Proposal(name, source, target, identifier, len(frame), columns, classes, split, metric, guess, deny)


def is_uneven(classes: Classes) -> bool:
    """Return whether some classes are much rarer than others."""
    return min(classes.rows.values()) < UNEVEN * max(classes.rows.values())


def metric_for(classes: Classes) -> str:
    """Return a scorer that guessing does not please."""
    if not is_uneven(classes):
        return "accuracy"
    return "balanced_accuracy" if len(classes.rows) == 2 else "f1_macro"  # noqa: PLR2004 - two classes


def guessing(metric: str, classes: Classes) -> float:
    """Return the value of a metric for whoever always names the most frequent class."""
    largest, count = max(classes.shares.values()), len(classes.rows)
    of_largest = 2 * largest / (1 + largest)  # its F1
    return {"accuracy": largest, "balanced_accuracy": 1 / count, "f1_macro": of_largest / count}[metric]


def find_split(hashes: np.ndarray, target: pd.Series, share: float, source: str) -> Split:
    """Return a split under which every class is in every part; the usual seed, if it does.

    Raises
    ------
    UserError
        If there is none.
    """
    codes, labels = pd.factorize(target)
    pairs = pd.DataFrame({"hash": hashes, "code": codes}).drop_duplicates()
    hashes, codes = pairs["hash"].to_numpy(), pairs["code"].to_numpy()
    different = np.bincount(codes, minlength=len(labels))
    if rare := [label for label, count in zip(labels.tolist(), different, strict=True) if count < FEWEST_ROWS]:
        message = f"fewer than {FEWEST_ROWS} different rows have the class {first_few(rare)}"
        remedy = "Each class must be among the rows of train, test and holdout: add rows of it, or take its rows out."
        raise UserError(Problem(message, remedy, source))
    # Rows of frequent classes are everywhere; looking at the others alone makes thousands of seeds cheap.
    few = different[codes] <= _FREQUENT
    for seed in (SEED, *range(SEEDS)):
        split = Split(share, share, seed)
        if _is_everywhere(hashes[few], codes[few], split) and _is_everywhere(hashes, codes, split):
            return split
    message = "no split was found that has every class in each of train, test and holdout"
    fewest = [labels[code] for code in np.argsort(different)]
    raise UserError(
        Problem(message, f"Add rows of the rarest classes, or take theirs out: {first_few(fewest)}.", source)
    )


def _is_everywhere(hashes: np.ndarray, codes: np.ndarray, split: Split) -> bool:
    seen = np.zeros((int(codes.max(initial=-1)) + 1, len(PARTS)), dtype=bool)
    seen[codes, part_numbers(hashes, split)] = True
    return bool(seen[np.unique(codes)].all())
