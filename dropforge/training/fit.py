"""Fit an estimator on the training rows, and nothing else."""

from __future__ import annotations

import time
import traceback
import warnings
from dataclasses import dataclass
from typing import Any

from dropforge.data import Rows
from dropforge.documents import Problem, UserError


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator, the seconds that the fit took, and what scikit-learn warned of."""

    estimator: Any
    seconds: float
    warnings: tuple[str, ...]


def fit(estimator: Any, rows: Rows, file: str) -> Fitted:
    """Fit on the part ``train``.

    Raises
    ------
    UserError
        If the estimator cannot be fitted with these parameters on this data.
    """
    features, target = rows.part("train")
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(features, target)
        except Exception as error:
            # Whatever the parameters and the data bring an estimator to raise is the candidate's failure.
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise UserError(
                Problem(
                    f"the fit failed: {type(error).__name__}: {error}",
                    f"Change parameters or data. (Raised in {where.name}, {where.filename.rpartition('/')[2]}.)",
                    file,
                )
            ) from error
    messages = dict.fromkeys(f"{warning.category.__name__}: {warning.message}" for warning in caught)
    return Fitted(estimator, time.perf_counter() - started, tuple(messages))
