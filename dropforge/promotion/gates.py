"""The gates of a version: what is measured on the holdout rows, and a line for each thing that it must hold to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.promotion.answers import Answers, Score
from dropforge.registry.measured import Measured, Sliced
from dropforge.registry.models import Loaded
from dropforge.settings import Bounds, Promote, Slices

FEWEST_ROWS = 10  # of a slice: the value of fewer is mostly luck
MOST_SLICES = 50
_KEPT = 10
_ASKED_ROWS = 20
_MIB = 2**20


@dataclass(frozen=True)
class Gate:
    """One gate: its name, whether the version passes, and a line that says so."""

    name: str
    passed: bool
    said: str


def judge(measured: Measured, settings: Promote) -> tuple[Gate, ...]:
    """Return each gate of the settings with what was measured: a pure function."""
    if measured.trouble:
        return (Gate("sound", False, measured.trouble),)
    return (
        Gate("sound", True, "it loads, fits the data, and predicts known classes"),
        *_minimum(measured, settings),
        *(_guard(name, measured.guards[name], bounds) for name, bounds in settings.guards.items()),
        *_slices(measured, settings),
    )


def measure_guards(settings: Promote, loaded: Loaded, score: Score, answers: Answers) -> dict[str, float]:
    """Return the value of each guard."""
    return {name: _measure_guard(name, loaded, score, answers) for name in settings.guards}


def measure_slices(slices: Slices, rows: Rows, score: Score, answers: Answers) -> Sliced:
    """Return the metric for each value of the slices' column on the holdout rows."""
    column = rows.part("holdout")[0][slices.by]
    found, left_out = [], 0
    for label, positions in column.groupby(column, observed=True, dropna=False).indices.items():
        value = score.quietly(answers, np.asarray(positions)) if len(positions) >= FEWEST_ROWS else float("nan")
        if np.isfinite(value):
            found.append((str(label)[:100], value, len(positions)))
        else:
            left_out += 1
    return Sliced(slices.by, sorted(found, key=lambda one: one[1])[:_KEPT], left_out)


def check_slices(settings: Promote, rows: Rows) -> None:
    """Raise what is wrong with the slices of the settings, as they are a person's mistake and no version's.

    Raises
    ------
    UserError
        If there is no such column, or it has too many values to be sliced by.
    """
    if settings.slices is None:
        return
    by, features = settings.slices.by, rows.features
    if by not in features.columns:
        remedy = f"Name a column that is learned from: {', '.join(map(str, features.columns[:20]))}."
        raise UserError(Problem(f"there is no column '{by}' to slice by (promote.slices)", remedy))
    count = features[by].nunique(dropna=False)
    if count > MOST_SLICES:
        message = f"the column '{by}' has {count} values, more than {MOST_SLICES} to slice by (promote.slices)"
        raise UserError(Problem(message, "Name a column with few values, such as a region or a category."))


def _minimum(measured: Measured, settings: Promote) -> Iterator[Gate]:
    if settings.minimum is None or measured.value is None:
        return
    metric, value, least = settings.metric, measured.value, settings.minimum
    if value < least:
        yield Gate("minimum", False, f"{metric} is {value:.4f}, below the minimum {least:g}")
    else:
        yield Gate("minimum", True, f"{metric} is {value:.4f}, at least {least:g}")


def _guard(name: str, value: float, bounds: Bounds) -> Gate:
    said = f"{name} is {value:.4g}"
    if bounds.max is not None and not value <= bounds.max:
        return Gate(name, False, f"{said}, above the limit {bounds.max:g}")
    if bounds.min is not None and not value >= bounds.min:
        return Gate(name, False, f"{said}, below the limit {bounds.min:g}")
    allowed = [f"at least {bounds.min:g}"] if bounds.min is not None else []
    allowed += [f"at most {bounds.max:g}"] if bounds.max is not None else []
    return Gate(name, True, f"{said}, allowed: {' and '.join(allowed)}")


def _slices(measured: Measured, settings: Promote) -> Iterator[Gate]:
    if settings.slices is None or measured.slices is None:
        return
    least, found = settings.slices.minimum, measured.slices
    rest = f"; {found.left_out} too small or without a value are left out" if found.left_out else ""
    if not found.worst:
        yield Gate("slices", False, f"no value of '{found.by}' has {FEWEST_ROWS} rows that can be scored{rest}")
        return
    low = [one for one in found.worst if one[1] < least]
    shown = ", ".join(f"{label} {value:.4f} ({rows} rows)" for label, value, rows in (low or found.worst[:1])[:3])
    if low:
        more = f" and {len(low) - 3} more" if len(low) > 3 else ""  # noqa: PLR2004 - as many as are shown
        said = f"{settings.metric} by '{found.by}' is below {least:g} for {shown}{more}{rest}"
        yield Gate("slices", False, said)
    else:
        said = f"{settings.metric} by '{found.by}' is at least {least:g}: the worst is {shown}{rest}"
        yield Gate("slices", True, said)


def _measure_guard(name: str, loaded: Loaded, score: Score, answers: Answers) -> float:
    from sklearn.metrics import get_scorer_names

    if name == "predict_ms":
        return _predict_ms(answers)
    if name == "size_mb":
        return loaded.size / _MIB
    if name in get_scorer_names():
        return Score(name, score.target)(answers)
    return -Score(f"neg_{name}", score.target)(answers)  # a loss by its own name


def _predict_ms(answers: Answers) -> float:
    """Return the median of the milliseconds in which one row is predicted, after a first one."""
    taken = []
    for number in range(min(_ASKED_ROWS, len(answers.features))):
        row = answers.features.iloc[[number]]
        began = time.perf_counter()
        answers.estimator.predict(row)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken[1:] or taken)
