"""Quicker ways to an estimator's own answers: the same arithmetic in the same order, without what stands around it.

For a single row scikit-learn spends most of the time on looking at it again, in each step and for each tree. A
predictor tries a kernel on rows before it uses it, and takes the estimator's own methods where they differ in a single
bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from scipy.special import expit
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.extmath import softmax

Places = np.ndarray  # of the labels among the classes, shape (n_rows,)
# Takes finite numbers, shape (n_rows, n_columns), and whether probabilities are wanted; returns the places, and
# probabilities, shape (n_rows, n_classes), or None.
Kernel = Callable[[np.ndarray, bool], tuple[Places, np.ndarray | None]]
Step = Callable[[np.ndarray], np.ndarray]


def kernel(estimator: Any) -> Kernel | None:
    """Return the kernel of an estimator, or None if there is none."""
    steps, last = _steps(estimator)
    found = _of_last(last)
    if found is None or steps is None:
        return None
    if not steps:
        return found

    def prepared(rows: np.ndarray, probabilities: bool) -> tuple[Places, np.ndarray | None]:
        for step in steps:
            rows = step(rows)
        return found(rows, probabilities)

    return prepared


def _of_last(estimator: Any) -> Kernel | None:
    kind = type(estimator)
    if kind in (RandomForestClassifier, ExtraTreesClassifier) and estimator.n_outputs_ == 1:
        return _forest(estimator)
    if kind is HistGradientBoostingClassifier and estimator.is_categorical_ is None:
        return _boosting(estimator)
    if kind is LogisticRegression:
        return _logistic(estimator)
    return None


# What stands before the model


def _steps(estimator: Any) -> tuple[list[Step] | None, Any]:
    """Return what rows go through, and the model at the end; None instead of a step that is not known here."""
    if type(estimator) is not Pipeline:
        return [], estimator
    *before, (_, last) = estimator.steps
    steps: list[Step] = []
    for _, one in before:
        inner, end = _steps(one)
        step = _step(end)
        if inner is None or step is None:
            return None, last
        steps += [*inner, step]
    inner, last = _steps(last)
    return None if inner is None else [*steps, *inner], last


def _step(transformer: Any) -> Step | None:
    if type(transformer) is StandardScaler:
        return _scaler(transformer)
    if transformer in (None, "passthrough") or (type(transformer) is SimpleImputer and _keeps_finite(transformer)):
        return _itself
    return None


def _keeps_finite(imputer: SimpleImputer) -> bool:
    """Whether finite rows leave an imputer as they came: gaps are NaN, and no column is added or left out."""
    filled, gap = imputer.statistics_, imputer.missing_values
    is_nan = isinstance(gap, float) and np.isnan(gap)
    return bool(is_nan and not imputer.add_indicator and filled.dtype.kind == "f" and not np.isnan(filled).any())


def _itself(rows: np.ndarray) -> np.ndarray:
    return rows


def _scaler(scaler: StandardScaler) -> Step:
    def scaled(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(rows.dtype if rows.dtype.kind == "f" else np.float64)
        if scaler.with_mean:
            rows -= scaler.mean_
        if scaler.with_std:
            rows /= scaler.scale_
        return rows

    return scaled


# Models


def _logistic(estimator: LogisticRegression) -> Kernel:
    weights, intercept = estimator.coef_.T, estimator.intercept_

    def answers(rows: np.ndarray, probabilities: bool) -> tuple[Places, np.ndarray | None]:
        scores = rows @ weights + intercept
        if scores.shape[1] > 1:
            return scores.argmax(axis=1), softmax(scores) if probabilities else None
        first = scores.ravel()
        return (first > 0).astype(int), _pair(expit(first)) if probabilities else None

    return answers


def _pair(second: np.ndarray) -> np.ndarray:
    return np.vstack([1 - second, second]).T


def _forest(estimator: Any) -> Kernel:
    """Sum what the trees say, in their order: scikit-learn checks the rows again for each tree, and locks the sum."""
    trees = [tree.tree_.predict for tree in estimator.estimators_]
    count, classes = len(trees), int(estimator.n_classes_)

    def answers(rows: np.ndarray, _: bool) -> tuple[Places, np.ndarray | None]:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        total = np.zeros((len(rows), classes))
        for predict in trees:
            total += predict(rows)[:, :classes]
        total /= count
        return total.argmax(axis=1), total

    return answers


def _boosting(estimator: HistGradientBoostingClassifier) -> Kernel:
    """Go down all trees at once, a level at a time, and add their leaves in the order of the iterations.

    scikit-learn asks one tree after the other: some hundred calls for a row.
    """
    trees = _Trees.of([tree.nodes for iteration in estimator._predictors for tree in iteration])
    iterations, outputs = len(estimator._predictors), estimator.n_trees_per_iteration_
    baseline, loss = np.reshape(estimator._baseline_prediction, (outputs, 1)), estimator._loss

    def summed(rows: np.ndarray) -> np.ndarray:
        terms = np.empty((iterations + 1, outputs, len(rows)))
        terms[0] = baseline
        terms[1:] = trees.leaves(rows).reshape(iterations, outputs, len(rows))
        # Not `sum`, which adds in another order.
        return np.add.accumulate(terms, axis=0, out=terms)[-1].T

    def answers(rows: np.ndarray, probabilities: bool) -> tuple[Places, np.ndarray | None]:
        raw = np.asfortranarray(_in_parts(summed, np.ascontiguousarray(rows, dtype=np.float64)))
        places = (raw.ravel() > 0).astype(int) if outputs == 1 else raw.argmax(axis=1)
        return places, loss.predict_proba(raw) if probabilities else None

    return answers


_AT_ONCE = 128  # rows; what is looked at then stays near the processor
# A large batch uses all processors, as scikit-learn does: numpy lets other threads go on while it takes and adds.
_threads = ThreadPoolExecutor(joblib.cpu_count(), "trees")


def _in_parts(work: Step, rows: np.ndarray) -> np.ndarray:
    """Return what comes of rows, a part of them after or beside the other."""
    if len(rows) <= _AT_ONCE:
        return work(rows)
    parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    return np.concatenate(list(_threads.map(work, parts)))


@dataclass(frozen=True)
class _Trees:
    """The nodes of many trees, the deepest tree first; a node's right child stands after its left one.

    A leaf is its own left child, and no number is beyond its threshold: who has arrived stays.

    Parameters
    ----------
    roots, feature, threshold, left, value : ndarray
        Where each tree begins, shape (n_trees,); and of each node, shape (n_nodes,), the column, the largest number
        that goes left, the left child, and what a leaf says.
    deeper : list of int
        How many trees go on, by level.
    places : ndarray of shape (n_trees,)
        Where each of the trees that were given is among these.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    value: np.ndarray
    deeper: list[int]
    places: np.ndarray

    @classmethod
    def of(cls, trees: list[np.ndarray]) -> _Trees:
        depths = np.array([int(nodes["depth"].max()) for nodes in trees])
        order = np.argsort(-depths, kind="stable")
        ordered = [trees[place][_by_level(trees[place])] for place in order]
        starts = np.cumsum([0, *map(len, ordered)])
        left = [start + _left(nodes) for start, nodes in zip(starts, ordered, strict=False)]
        nodes = np.concatenate(ordered)
        leaf = nodes["is_leaf"].astype(bool)
        return cls(
            starts[:-1],
            np.where(leaf, 0, nodes["feature_idx"]).astype(np.intp),
            np.where(leaf, np.inf, nodes["num_threshold"]),
            np.concatenate(left),
            np.ascontiguousarray(nodes["value"]),
            [int((depths > level).sum()) for level in range(depths.max())],
            np.argsort(order),
        )

    def leaves(self, rows: np.ndarray) -> np.ndarray:
        """Return the value of the leaf that each row reaches, shape (n_trees, n_rows)."""
        flat, first = rows.ravel(), np.arange(len(rows)) * rows.shape[1]
        node = np.repeat(self.roots[:, None], len(rows), axis=1)
        for count in self.deeper:
            at = node[:count]
            # "clip" as all are within: "raise", the default, would look.
            number = flat.take(self.feature.take(at, mode="clip") + first, mode="clip")
            beyond = number > self.threshold.take(at, mode="clip")
            np.add(self.left.take(at, mode="clip"), beyond, out=at)
        return self.value.take(node.take(self.places, axis=0))


def _by_level(nodes: np.ndarray) -> list[int]:
    """Return a tree's nodes in another order: level by level, children beside each other."""
    order = [0]
    for place in order:  # which grows meanwhile
        if not nodes["is_leaf"][place]:
            order += [int(nodes["left"][place]), int(nodes["right"][place])]
    return order


def _left(nodes: np.ndarray) -> np.ndarray:
    """Return the place of each node's left child, of nodes by level; of a leaf its own."""
    leaf = nodes["is_leaf"].astype(bool)
    place = np.arange(len(nodes))
    place[~leaf] = 1 + 2 * np.arange((~leaf).sum())
    return place
