"""Measure a fitted estimator on the test rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from dropforge.data import Rows
from dropforge.documents import Problem, UserError


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name (``test_`` and the scorer's name), the predictions, and the report by class.

    ``folds`` are the scores of a cross-validation (``cv_`` and the scorer's name).
    """

    metrics: dict[str, float]
    predicted: np.ndarray
    report: str
    folds: dict[str, list[float]] = field(default_factory=dict)


def evaluate(estimator: Any, rows: Rows, metric: str, file: str) -> Evaluation:
    """Return what the estimator achieves on the part ``test``.

    Parameters
    ----------
    estimator
        Fitted.
    rows : Rows
        The data.
    metric : str
        The spec's scorer, measured beside the usual ones.
    file : str
        The config, for messages.

    Raises
    ------
    UserError
        If the estimator cannot predict, or the scorer does not fit it.
    """
    features, target = rows.part("test")
    try:
        predicted = np.ravel(estimator.predict(features))
        values = _of_labels(target, predicted) | _of_probabilities(estimator, features, target)
        # By the scorer itself, as in validation: what it refuses here would never be promoted.
        values[metric] = float(sk.get_scorer(metric)(estimator, features, target))
    except Exception as error:
        raise UserError(
            Problem(
                f"the model cannot be measured: {type(error).__name__}: {error}",
                f"Choose an estimator that the metric '{metric}' fits, or another metric in the spec.",
                file,
            )
        ) from error
    report = sk.classification_report(target, predicted, zero_division=0)
    return Evaluation({f"test_{name}": value for name, value in values.items()}, predicted, report)


def _of_labels(target: pd.Series, predicted: np.ndarray) -> dict[str, float]:
    values = {
        "accuracy": sk.accuracy_score(target, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
    }
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            target, predicted, average=average, zero_division=0
        )
        values |= {f"precision_{average}": precision, f"recall_{average}": recall, f"f1_{average}": f1}
    return {name: float(value) for name, value in values.items()}


def _of_probabilities(estimator: Any, features: pd.DataFrame, target: pd.Series) -> dict[str, float]:
    """Return log loss and ROC AUC (one class against the rest, unweighted mean) where there are probabilities.

    Some estimators have none for some rows (LabelPropagation's are NaN far from every known row), and those that
    predict columns have a table for each.
    """
    labels = getattr(estimator, "classes_", None)
    if not hasattr(estimator, "predict_proba") or labels is None or np.ndim(labels) != 1:
        return {}
    shares = estimator.predict_proba(features)
    if not np.isfinite(shares).all():
        return {}
    scores = shares[:, 1] if len(labels) == 2 else shares  # noqa: PLR2004 - two classes
    return {
        "log_loss": float(sk.log_loss(target, shares, labels=labels)),
        "roc_auc": float(sk.roc_auc_score(target, scores, multi_class="ovr", labels=labels)),
    }
