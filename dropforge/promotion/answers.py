"""What a version answers for the holdout rows: asked once, and scored on any choice of the rows after that."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

_RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class Answers(ClassifierMixin, BaseEstimator):
    """A fitted classifier as a scorer sees it, whose rows are the numbers of holdout rows.

    Parameters
    ----------
    estimator : Any
        The fitted estimator.
    features : pandas.DataFrame or array
        The holdout rows.
    """

    def __init__(self, estimator: Any, features: Any) -> None:
        self.estimator = estimator
        self.features = features
        self.known: dict[str, np.ndarray] = {}

    def __getattr__(self, name: str) -> Any:
        estimator: Any = self.__dict__.get("estimator")
        if name == "classes_":
            return estimator.classes_
        if name in _RESPONSES and hasattr(estimator, name):
            return self._response(name)
        raise AttributeError(name)

    def _response(self, name: str) -> Callable[[np.ndarray], np.ndarray]:
        def response(rows: np.ndarray) -> np.ndarray:
            return self.of(name)[rows]

        response.__name__ = name  # which scikit-learn looks at
        return response

    def of(self, name: str) -> np.ndarray:
        """Return the answers for all rows: ``predict``, ``predict_proba``, ..."""
        if name not in self.known:
            found = np.asarray(getattr(self.estimator, name)(self.features))
            self.known[name] = np.ravel(found) if name == "predict" else found  # some give a table of one column
        return self.known[name]


class Score:
    """A scorer on choices of the holdout rows.

    Parameters
    ----------
    metric : str
        The scorer's name.
    target : array
        What is right, for each row.
    """

    def __init__(self, metric: str, target: np.ndarray) -> None:
        self.metric, self.target = metric, target
        self._scorer: Callable[..., float] = get_scorer(metric)

    def __call__(self, answers: Answers, rows: np.ndarray | None = None) -> float:
        """Return the value on ``rows``, or on all of them."""
        chosen = np.arange(len(self.target)) if rows is None else rows
        return float(self._scorer(answers, chosen, self.target[chosen]))

    def quietly(self, answers: Answers, rows: np.ndarray) -> float:
        """Return the value on ``rows``; NaN where there is none, as when a class is missing there."""
        with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
            warnings.simplefilter("ignore")
            try:
                return self(answers, rows)
            except ValueError:
                return float("nan")
