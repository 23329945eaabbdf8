"""What goes before a model, so that it learns from a table as it is: imputers, encoders, scalers (`preprocess: auto`).

It is worked out from what the columns hold and what the estimator takes, and written in the language of configs: the
digest covers it, the run shows it, and anybody can write the same by hand.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from dropforge.data import Column, Rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import Estimator, build, plain
from dropforge.estimators.thirdparty import entry_of
from dropforge.estimators.tree import paths
from dropforge.settings import Data

MOST_CATEGORIES = 30  # the rarer values of a column share one
_NAMED = 8  # columns in a line

# Distances, margins and penalties are sensitive to scale: columns with large numbers drown the others. The radius of
# RadiusNeighborsClassifier is given in the data's own units.
_SCALED = (
    "sklearn.linear_model.*",
    "sklearn.svm.*",
    "sklearn.neighbors.[!R]*",
    "sklearn.neural_network.*",
    "sklearn.gaussian_process.*",
    "sklearn.semi_supervised.Label*",
)
# They count, so nothing is negative; the last one counts whole numbers.
_COUNTING = (
    "sklearn.naive_bayes.MultinomialNB",
    "sklearn.naive_bayes.ComplementNB",
    "sklearn.naive_bayes.CategoricalNB",
)
_CODED = "sklearn.naive_bayes.CategoricalNB"
# Who names columns by their place knows which ones the model gets.
_BY_PLACE = frozenset({"categorical_features", "monotonic_cst", "interaction_cst"})


@dataclass(frozen=True)
class Prepared:
    """An estimator as it is built for a table.

    Parameters
    ----------
    tree : Estimator
        The candidate's own, or a Pipeline of what goes before it (``prepare``) and itself (``model``).
    before : Estimator, optional
        What goes before it, if anything does.
    columns : tuple of str
        What it learns from.
    about : tuple of str
        What is done, in words.
    """

    tree: Estimator
    before: Estimator | None
    columns: tuple[str, ...]
    about: tuple[str, ...] = ()

    @property
    def digested(self) -> Any:
        """What a candidate's digest says of it."""
        return "none" if self.before is None else plain(self.before)


def prepare(tree: Estimator, data: Data, rows: Rows) -> Prepared:
    """Return a candidate's estimator with what must go before it.

    What the columns hold, gaps included, is read off the whole table, as a type is; every number in the preprocessing
    (a median, a scale, the known words) is fitted on the training rows with the model.

    Parameters
    ----------
    tree : Estimator
        A candidate's checked tree. One that holds a Pipeline or a transformer is left alone, and so is one that names
        columns by their place.
    data : Data
        The settings; with ``preprocess: none`` everything is left alone.
    rows : Rows
        The table.

    Raises
    ------
    UserError
        If no column can be learned from.
    """
    everything = tuple(column.name for column in rows.columns)
    if data.preprocess == "none" or _prepares(tree):
        return Prepared(tree, None, everything)
    # One number in all rows teaches nothing and harms nobody: its column may stay where it is.
    columns = [
        replace(column, kind="number")
        if column.kind == "constant" and pd.api.types.is_numeric_dtype(rows.features[column.name])
        else column
        for column in rows.columns
    ]
    used = [column for column in columns if column.used]
    if not used:
        held = "; ".join(f"'{column.name}': {column.note}" for column in rows.columns)
        raise UserError(
            Problem(f"there is no column to learn from ({held})", "Add one of numbers or of categories.", data.source)
        )
    words = [column for column in used if column.kind == "category"]
    numbers = [column for column in used if column.kind == "number"]
    parts = [
        _Part("words", words, [*_for_words(words)]),
        _Part("numbers", numbers, [*_for_numbers(numbers, tree, rows)]),
    ]
    left = [column for column in columns if not column.used]
    before = _together([part for part in parts if part.columns], bool(left))
    if before is None:
        return Prepared(tree, None, everything)
    about = [part.about for part in parts if part.columns and part.steps]
    about += [f"{column.name}: {column.note}" for column in left]
    steps = (("prepare", before), ("model", tree))
    whole = Estimator("sklearn.pipeline.Pipeline", {"steps": steps})
    return Prepared(whole, before, tuple(column.name for column in used), tuple(about))


@dataclass(frozen=True)
class _Part:
    """Columns of one kind, and what is done to them, step by step: a name, an estimator, and words for it."""

    name: str
    columns: Sequence[Column]
    steps: Sequence[tuple[str, Estimator, str]]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def estimator(self) -> Estimator | str:
        if not self.steps:
            return "passthrough"
        if len(self.steps) == 1:
            return self.steps[0][1]
        steps = tuple((name, estimator) for name, estimator, _ in self.steps)
        return Estimator("sklearn.pipeline.Pipeline", {"steps": steps})

    @property
    def about(self) -> str:
        shown = ", ".join(map(str, self.names[:_NAMED]))
        more = f" and {len(self.names) - _NAMED} more" if len(self.names) > _NAMED else ""
        return f"{self.name} ({shown}{more}): {', '.join(words for _, _, words in self.steps)}"


def _together(parts: Sequence[_Part], some_left: bool) -> Estimator | None:
    """Return what goes before the model: None if nothing need, and one step where all columns are of one kind."""
    if len(parts) == 1 and not some_left:
        (part,) = parts
        return part.estimator if isinstance(part.estimator, Estimator) else None
    transformers = tuple((part.name, part.estimator, part.names) for part in parts)
    return Estimator("sklearn.compose.ColumnTransformer", {"transformers": transformers})


def _for_words(words: Sequence[Column]) -> Iterator[tuple[str, Estimator, str]]:
    # HistGradientBoosting takes words as such, but then holds a function, which no model file may.
    gaps = any(column.missing for column in words)
    if gaps:
        # As a code of its own, for a gap is NaN in a table, and None in the rows that a server gets.
        params = {
            "handle_unknown": "use_encoded_value",
            "unknown_value": -1,
            "encoded_missing_value": -1,
            "max_categories": MOST_CATEGORIES,
        }
        about = "missing and unknown values share a category of their own"
        yield "codes", Estimator("sklearn.preprocessing.OrdinalEncoder", params), about
    rarest = {} if gaps else {"max_categories": MOST_CATEGORIES}
    params = {"handle_unknown": "ignore" if gaps else "infrequent_if_exist", **rarest, "sparse_output": False}
    about = f"one-hot encoded, at most {MOST_CATEGORIES} categories"
    yield "one_hot", Estimator("sklearn.preprocessing.OneHotEncoder", params), about


def _for_numbers(numbers: Sequence[Column], tree: Estimator, rows: Rows) -> Iterator[tuple[str, Estimator, str]]:
    names = [column.name for column in numbers]
    if any(column.missing for column in numbers) and not _takes_gaps(tree):
        params = {"strategy": "median", "keep_empty_features": True}
        yield "fill", Estimator("sklearn.impute.SimpleImputer", params), "missing values are imputed by the median"
    within = paths(tree)
    if not numbers:
        return
    if within & {*_COUNTING}:
        values = rows.part("train")[0][names].to_numpy(dtype=np.float64)
        whole = not np.any(values % 1 > 0)
        if _CODED in within and (np.any(values < 0) or not whole):
            params = {"n_bins": 5, "encode": "ordinal", "strategy": "quantile"}
            yield (
                "bins",
                Estimator("sklearn.preprocessing.KBinsDiscretizer", params),
                "put into five ranges, equally full",
            )
        elif np.any(values < 0):
            yield "scale", Estimator("sklearn.preprocessing.MinMaxScaler", {"clip": True}), "scaled to 0 to 1"
    elif any(fnmatch.fnmatchcase(path, pattern) for path in within for pattern in _SCALED):
        yield "scale", Estimator("sklearn.preprocessing.StandardScaler", {}), "scaled to mean 0 and deviation 1"


def _prepares(tree: Estimator) -> bool:
    """Whether a config says itself what goes before the model, or needs the columns in their own places."""
    kinds = {entry_of(path).kind for path in paths(tree)}
    return "transformer" in kinds or "sklearn.pipeline.Pipeline" in paths(tree) or _names_places(tree)


def _names_places(value: Any) -> bool:
    if isinstance(value, Estimator):
        return bool(_BY_PLACE & value.params.keys()) or _names_places(list(value.params.values()))
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(map(_names_places, value))


def _takes_gaps(tree: Estimator) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(build(tree)).input_tags.allow_nan)
