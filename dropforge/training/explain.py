"""What explains a fitted model beside its scores: how each class fares, how training went, what it looks at.

Each part is bounded in rows and time, so that a candidate is explained in well under a second.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn import metrics as sk

from dropforge.data import Rows
from dropforge.training.evaluate import Evaluation
from dropforge.training.prepare import Prepared

logger = logging.getLogger(__name__)

MOST_CLASSES = 20  # with metrics and curves of their own
_MOST_ROWS = 1000
_MOST_STEPS = 100
_SECONDS = 0.2  # for the steps of training, and for the importances by permutation


@dataclass(frozen=True)
class Curve:
    """One class against the others: what is on its ROC, precision-recall and calibration curves."""

    label: str
    roc: tuple[np.ndarray, np.ndarray]
    precision_recall: tuple[np.ndarray, np.ndarray]
    calibration: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Explanation:
    """What explains a model.

    Parameters
    ----------
    by_class : Mapping
        Precision, recall and F1 of each class, by metric's name.
    steps : Mapping
        The training process: for each metric its values, and the step of each.
    curves : sequence of Curve
        Where there are probabilities.
    importances : Mapping
        How much the model looks at each column, the most important first.
    means : str
        What the importances are.
    search : pandas.DataFrame, optional
        What a search tried, best first.
    """

    by_class: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    curves: Sequence[Curve] = ()
    importances: Mapping[str, float] = field(default_factory=dict)
    means: str = ""
    search: pd.DataFrame | None = None


def explain(estimator: Any, prepared: Prepared, rows: Rows, evaluation: Evaluation) -> Explanation:
    """Return what explains a fitted estimator; what one of them does not have, or fails at, is left out."""
    last, before = last_of(estimator)
    importances, means = _or(({}, ""), lambda: importances_of(estimator, last, before, prepared, rows))
    return Explanation(
        by_class=by_class(rows, evaluation),
        steps=_or({}, lambda: steps_of(last, before, rows)),
        curves=_or((), lambda: curves_of(estimator, rows)),
        importances=importances,
        means=means,
        search=_or(None, lambda: _search(last)),
    )


def _or(otherwise: Any, work: Callable[[], Any]) -> Any:
    """Return what the work gives. An estimator may refuse whatever it likes: it is a version all the same."""
    try:
        return work()
    except Exception:
        logger.debug("left out", exc_info=True)
        return otherwise


def last_of(estimator: Any) -> tuple[Any, Any]:
    """Return the model itself, and the steps before it as one, or None."""
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
        return estimator.steps[-1][1], estimator[:-1]
    return estimator, None


def by_class(rows: Rows, evaluation: Evaluation) -> dict[str, float]:
    labels = rows.classes[:MOST_CLASSES]
    _, target = rows.part("test")
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        target, evaluation.predicted, labels=labels, zero_division=0
    )
    found: dict[str, float] = {}
    for number, label in enumerate(labels):
        # MLflow's page makes a section of what stands before the slash. Its names hold less than labels may.
        name = re.sub(r"[^\w. -]", "_", str(label), flags=re.ASCII)[:100]
        found |= {
            f"class_{name}/test_precision": float(precision[number]),
            f"class_{name}/test_recall": float(recall[number]),
            f"class_{name}/test_f1": float(f1[number]),
        }
    return found


def steps_of(last: Any, before: Any, rows: Rows) -> dict[str, list[tuple[int, float]]]:
    """Return how scores and losses went while the model was trained."""
    found: dict[str, list[tuple[int, float]]] = {}
    for attribute, name in _HISTORIES.items():
        values = getattr(last, attribute, None)
        if values is not None and np.ndim(values) == 1 and len(values):
            found[name] = _thinned([float(value) for value in values])
    if hasattr(last, "staged_predict"):
        found |= _staged(last, before, rows)
    return {name: values for name, values in found.items() if values}


# What estimators keep of their training, and the name that it gets.
_HISTORIES = {
    "loss_curve_": "training/loss",
    "validation_scores_": "training/validation_score",
    "validation_score_": "training/validation_score",
    "train_score_": "training/train_score",
    "oob_scores_": "training/oob_score",
}


def _staged(last: Any, before: Any, rows: Rows) -> dict[str, list[tuple[int, float]]]:
    """Return the accuracy after each step, of both parts alike; where time is up, of the first steps."""
    until = time.perf_counter() + _SECONDS
    parts = {f"training/{part}_accuracy": _some(rows, part) for part in ("train", "test")}
    shown = [before.transform(features) if before is not None else features for features, _ in parts.values()]
    count = len(getattr(last, "estimators_", ())) or getattr(last, "n_iter_", _MOST_STEPS)
    stride = max(1, -(-count // _MOST_STEPS))
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in parts}
    for step, stage in enumerate(zip(*map(last.staged_predict, shown), strict=True), 1):
        if step % stride == 0 or step == count:
            for (name, (_, target)), predicted in zip(parts.items(), stage, strict=True):
                found[name].append((step, float(np.mean(np.ravel(predicted) == target.to_numpy()))))
        if time.perf_counter() > until:
            break
    return found


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    stride = max(1, -(-len(values) // _MOST_STEPS))
    return [(step, value) for step, value in enumerate(values, 1) if step % stride == 0 or step == len(values)]


def _some(rows: Rows, part: Any) -> tuple[pd.DataFrame, pd.Series]:
    """Return the first rows of a part: they are in the order of the source, but which ones these are is by hash."""
    features, target = rows.part(part)
    return features.head(_MOST_ROWS), target.head(_MOST_ROWS)


def curves_of(estimator: Any, rows: Rows) -> list[Curve]:
    features, target = rows.part("test")
    labels = list(estimator.classes_)
    shares = estimator.predict_proba(features)
    if not np.isfinite(shares).all():
        return []
    # Of two classes the second says it all.
    shown = range(1, 2) if len(labels) == 2 else range(min(len(labels), MOST_CLASSES // 2))  # noqa: PLR2004
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):  # once for each class and curve
        return [
            _curve(str(labels[number]), (target == labels[number]).to_numpy(), shares[:, number]) for number in shown
        ]


def _curve(label: str, is_it: np.ndarray, share: np.ndarray) -> Curve:
    wrong, right, _ = sk.roc_curve(is_it, share)
    precision, recall, _ = sk.precision_recall_curve(is_it, share)
    bins = np.minimum((share * 10).astype(int), 9)
    filled = np.unique(bins)
    said = np.array([share[bins == one].mean() for one in filled])
    true = np.array([is_it[bins == one].mean() for one in filled])
    return Curve(label, (wrong, right), (recall, precision), (said, true))


def importances_of(
    estimator: Any, last: Any, before: Any, prepared: Prepared, rows: Rows
) -> tuple[dict[str, float], str]:
    own = _own(last, before, prepared)
    if own is not None:
        names, values = own
        found, kind = dict(zip(names, values, strict=True)), type(last).__name__
        # Of coefficients only the size counts here, and only where the columns are on one scale.
        own_ones = hasattr(last, "feature_importances_")
        means = f"as {kind} has them itself" if own_ones else f"by the size of {kind}'s coefficients"
    else:
        found = dict(_by_permutation(estimator, prepared, rows))
        means = "by how much accuracy falls when a column's test values are shuffled"
        if len(found) < len(prepared.columns):
            means += f"; of the first {len(found)} of {len(prepared.columns)} columns, as time was up"
    # Some packages count splits, in numbers of numpy's that no JSON takes.
    return {name: float(value) for name, value in sorted(found.items(), key=lambda item: -item[1])}, means


def _own(last: Any, before: Any, prepared: Prepared) -> tuple[Sequence[str], np.ndarray] | None:
    """Return the importances that a model has itself, added up for each column of the table."""
    values = getattr(last, "feature_importances_", None)
    if values is None and hasattr(last, "coef_"):
        values = np.abs(np.atleast_2d(last.coef_)).mean(axis=0)
    if values is None:
        return None
    names = [str(name) for name in prepared.columns]
    if before is None and prepared.before is None:
        return (names, np.asarray(values)) if len(names) == len(values) else None
    if prepared.before is None:  # steps of the config's own, which may do anything to the columns
        return None
    parts = before.get_feature_names_out()
    sums = dict.fromkeys(names, 0.0)
    longest = sorted(names, key=len, reverse=True)
    for part, value in zip(parts, values, strict=True):
        plain = str(part).partition("__")[2] or str(part)
        of = plain if plain in sums else next((name for name in longest if plain.startswith(f"{name}_")), None)
        if of is None:
            return None
        sums[of] += float(value)
    return list(sums), np.array(list(sums.values()))


def _by_permutation(estimator: Any, prepared: Prepared, rows: Rows) -> Iterator[tuple[str, float]]:
    features, target = _some(rows, "test")
    until = time.perf_counter() + _SECONDS
    random = np.random.default_rng(0)
    right = target.to_numpy()
    best = np.mean(np.ravel(estimator.predict(features)) == right)
    for name in prepared.columns:
        shuffled = features.assign(**{name: features[name].to_numpy()[random.permutation(len(features))]})
        yield str(name), float(best - np.mean(np.ravel(estimator.predict(shuffled)) == right))
        if time.perf_counter() > until:
            return


def _search(last: Any) -> pd.DataFrame | None:
    found = getattr(last, "cv_results_", None)
    if found is None:
        return None
    table = pd.DataFrame(found)
    kept = [name for name in table if str(name).startswith("param_") or name in ("mean_test_score", "std_test_score")]
    return table[["rank_test_score", *kept, "mean_fit_time"]].sort_values("rank_test_score").head(_MOST_ROWS)


def head_of(importances: Mapping[str, float], count: int) -> dict[str, float]:
    """Return the first few importances."""
    return dict(islice(importances.items(), count))
