"""What a version must show before it becomes the champion: on the holdout rows it answers as validation saw it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from dropforge.data import Rows as Table
from dropforge.documents import Problem, UserError
from dropforge.registry.measured import measured_of
from dropforge.registry.models import Loaded
from dropforge.serving.predictor import Predictor
from dropforge.serving.reading import Rows
from dropforge.settings import Promote

_TOGETHER = 2000  # rows; also predicted by the way that requests go
_ALONE = 20
_TOLERANCE = 1e-9


def try_out(loaded: Loaded, predictor: Predictor, rows: Table, settings: Promote) -> None:
    """Have a version predict the holdout rows as requests do, and compare.

    Parameters
    ----------
    loaded : Loaded
        The version; its tags say what validation got, and on which rows.
    predictor : Predictor
        Answers requests.
    rows : dropforge.data.Rows
        The pipeline's.
    settings : Promote
        By which metric it was validated.

    Raises
    ------
    UserError
        If requests would be answered otherwise than by the estimator, or the value is not the one that was recorded.
    """
    features, target = rows.part("holdout")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _compare(loaded, predictor, features.head(_TOGETHER))
        recorded = measured_of(loaded.version)
        if recorded is None or recorded.value is None or not recorded.same_scale(settings, rows.holdout_digest):
            return  # it was never validated, or on other rows
        from sklearn.metrics import get_scorer

        value = float(get_scorer(settings.metric)(loaded.estimator, features, target))
    if not abs(value - recorded.value) <= _TOLERANCE:
        raise _differs(f"{settings.metric} on the holdout rows is {value:.6f} here, and was {recorded.value:.6f}")


def _compare(loaded: Loaded, predictor: Predictor, features: pd.DataFrame) -> None:
    expected = np.ravel(loaded.estimator.predict(features))
    given: Rows = predictor.columns.matrix(features) if predictor.columns.numeric else features
    if not np.array_equal(predictor.predict(given).labels, expected):
        raise _differs("requests would be answered otherwise than by the estimator itself")
    for row in range(min(_ALONE, len(expected))):
        if predictor.predict(given[row : row + 1]).labels[0] != expected[row]:
            raise _differs("single rows would be answered otherwise than by the estimator itself")


def _differs(reason: str) -> UserError:
    return UserError(Problem(f"it does not answer as it did when it was validated: {reason}", "Train it again."))
