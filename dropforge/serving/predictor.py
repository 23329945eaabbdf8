"""A version's answers: its estimator's own, by the quickest way that gives the same.

Rows of numbers go to the estimator as an array; others, and those of an estimator that wants names, as a DataFrame
through MLflow's door. Several requests may be answered at once. Whether an estimator allows that is tried on rows
when it is loaded, and not looked up in a list.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from dropforge.registry.models import Loaded
from dropforge.serving.columns import Columns
from dropforge.serving.errors import Refusal
from dropforge.serving.kernels import Kernel, kernel
from dropforge.serving.reading import Rows

TOLERANCE = 1e-12
_PROBES = 32
_ALONE = 8  # of these; a slow model would load for long
_TRIES = 3
_AT_ONCE_SECONDS = 0.02  # a batch that takes longer would hold up the others in the event loop


@dataclass(frozen=True)
class Answer:
    """Labels, shape (n_rows,), and where they were asked for, probabilities, shape (n_rows, n_classes)."""

    labels: np.ndarray
    probabilities: np.ndarray | None = None

    def part(self, start: int, stop: int) -> Answer:
        """Return the answer to some of the rows."""
        return Answer(self.labels[start:stop], None if self.probabilities is None else self.probabilities[start:stop])


class Predictor:
    """Predicts with a version that was loaded.

    Parameters
    ----------
    loaded : Loaded
        The version. What is in it to run in parallel is told not to.

    Raises
    ------
    UserError
        If its signature does not name its columns.
    Exception
        Whatever it raises at its own example.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.pyfunc, self.estimator = loaded.pyfunc, loaded.estimator
        run_alone(self.estimator)
        with _quiet(), one_thread():
            self.columns = Columns.of(loaded.signature, nullable=_takes_gaps(loaded))
            self.classes = _classes(self.estimator)
            self.by_array, self.together, self.seconds = False, False, np.inf
            self._kernel: Kernel | None = None
            self._try(loaded.example)

    def _try(self, example: pd.DataFrame) -> None:
        """Find out what is allowed, on rows that are known to be right."""
        expected = self._by_frame(example, probabilities=self.classes is not None)
        self.labels = expected.labels
        if not self.columns.numeric:
            return
        rows = self.columns.matrix(example)
        with contextlib.suppress(Exception):
            self.by_array = _bits_agree(self._by_array(rows, self.classes is not None, None), expected)
        rows = probes(rows)
        # A kernel reads what scikit-learn keeps to itself: one that cannot be made, in another version, is none.
        with contextlib.suppress(Exception):
            quick = kernel(self.estimator)
            if quick and _bits_agree(self._by_array(rows, True, None), self._by_array(rows, True, quick)):
                self._kernel = quick
        for _ in range(_TRIES):
            began = time.perf_counter()
            at_once = self._predict(rows, self.classes is not None)
            self.seconds = min(self.seconds, time.perf_counter() - began)
        self.together = all(
            agree(at_once.part(place, place + 1), self._predict(rows[place : place + 1], self.classes is not None))
            for place in range(len(rows) - _ALONE, len(rows))
        )

    @property
    def at_once(self) -> bool:
        """Whether a few rows are answered so soon that the event loop can wait for them."""
        return self.seconds < _AT_ONCE_SECONDS

    def predict(self, rows: Rows, probabilities: bool = False) -> Answer:
        """Return the answer to rows in the order of the signature.

        Raises
        ------
        Refusal
            If the model cannot take them.
        """
        if probabilities and self.classes is None:
            raise Refusal(400, "the model gives no probabilities", "Ask without them.", "probabilities")
        try:
            return self._predict(rows, probabilities)
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as error:
            reason = str(error).partition("\n")[0][:300]
            raise Refusal(
                400, f"the model cannot take these rows: {type(error).__name__}: {reason}", self.columns.remedy
            ) from error

    def _predict(self, rows: Rows, probabilities: bool) -> Answer:
        if not isinstance(rows, np.ndarray):
            return self._by_frame(rows, probabilities)
        if not self.by_array:
            return self._by_frame(self.columns.frame(rows), probabilities)
        quick = self._kernel
        if quick and not np.isfinite(rows).all():
            quick = None
        return self._by_array(rows, probabilities, quick)

    def _by_array(self, rows: np.ndarray, probabilities: bool, quick: Kernel | None) -> Answer:
        if quick:
            places, found = quick(rows, probabilities)
            return Answer(self.estimator.classes_.take(places), found if probabilities else None)
        labels = np.ravel(self.estimator.predict(rows))  # some give a table of one column
        return Answer(labels, self.estimator.predict_proba(rows) if probabilities else None)

    def _by_frame(self, rows: pd.DataFrame, probabilities: bool) -> Answer:
        labels = np.ravel(self.pyfunc.predict(rows))
        return Answer(labels, self.estimator.predict_proba(rows) if probabilities else None)


def one_thread() -> threadpool_limits:
    """Hold what this thread does to one thread of OpenMP, until the block ends: a few rows gain nothing by more."""
    return threadpool_limits(1, "openmp")


def run_alone(estimator: Any) -> None:
    """Have an estimator, and all within it, use one job: to share out single rows costs more than it gains."""
    seen: set[int] = set()
    left = [estimator]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            left.extend(value)
        elif hasattr(value, "get_params") and not isinstance(value, type):
            if getattr(value, "n_jobs", None) is not None:
                value.n_jobs = 1
            left.extend(vars(value).values())


def probes(rows: np.ndarray) -> np.ndarray:
    """Return rows like those given: their values, mixed by column, the same each time."""
    random = np.random.default_rng(0)
    mixed = rows[random.integers(len(rows), size=(_PROBES, rows.shape[1])), np.arange(rows.shape[1])]
    return np.ascontiguousarray(np.concatenate([rows, mixed]))


def agree(one: Answer, other: Answer) -> bool:
    """Return whether two answers say the same: equal labels, probabilities within 1e-12."""
    if not np.array_equal(one.labels, other.labels):
        return False
    if one.probabilities is None or other.probabilities is None:
        return True
    return np.allclose(one.probabilities, other.probabilities, rtol=0, atol=TOLERANCE, equal_nan=True)


def _bits_agree(one: Answer, other: Answer) -> bool:
    return np.array_equal(one.labels, other.labels) and (
        one.probabilities is None
        or other.probabilities is None
        or np.array_equal(one.probabilities, other.probabilities, equal_nan=True)
    )


def _takes_gaps(loaded: Loaded) -> bool:
    """Return whether a model answers where values are missing, in any column."""
    example = loaded.example.head(1)
    try:
        loaded.estimator.predict(pd.DataFrame(np.nan, index=[0], columns=example.columns))
    except Exception:
        return False
    return True


def _classes(estimator: Any) -> list[Any] | None:
    """Return the labels in the order of the probabilities; None if the model gives no probabilities by label."""
    classes = getattr(estimator, "classes_", None)
    if not hasattr(estimator, "predict_proba") or not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return None
    return classes.tolist()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
