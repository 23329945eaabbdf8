"""Quicker ways to an estimator's own answers: the same arithmetic in the same order, without what stands around it.

Each takes a finite array of numbers and returns the class probabilities. A predictor tries it on rows before it uses
it, and takes the estimator's own method where they differ in a single bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

Kernel = Callable[[np.ndarray], np.ndarray]

ROWS = 64  # beyond, what stands around the arithmetic no longer counts


def kernel(estimator: Any) -> Kernel | None:
    """Return the quicker ``predict_proba`` of an estimator, or None if there is none."""
    if type(estimator) in (RandomForestClassifier, ExtraTreesClassifier) and estimator.n_outputs_ == 1:
        return _forest(estimator)
    return None


def _forest(estimator: Any) -> Kernel:
    """Sum what the trees say, in their order: scikit-learn checks the rows again for each tree, and locks the sum."""
    trees = [tree.tree_.predict for tree in estimator.estimators_]
    count, classes = len(trees), int(estimator.n_classes_)

    def probabilities(rows: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        total = np.zeros((len(rows), classes))
        for predict in trees:
            total += predict(rows)[:, :classes]
        total /= count
        return total

    return probabilities
