"""Fit an estimator on the training rows, and nothing else."""

from __future__ import annotations

import time
import traceback
import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dropforge.data import Rows
from dropforge.documents import Problem, UserError

NAMED = 3  # columns in a message


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
            fit_quietly(estimator, features, target, rows)
        except Exception as error:
            # Whatever the parameters and the data bring an estimator to raise is the candidate's failure.
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise UserError(
                Problem(
                    f"the fit failed: {type(error).__name__}: {error}",
                    f"{_remedy(error, features)} (Raised in {where.name}, {where.filename.rpartition('/')[2]}.)",
                    file,
                )
            ) from error
    messages = dict.fromkeys(map(_told, caught))
    return Fitted(estimator, time.perf_counter() - started, tuple(messages))


def _told(warning: warnings.WarningMessage) -> str:
    name = warning.category.__name__
    remedy = "\n  What to do: raise max_iter, or the tolerance (tol)." if name == "ConvergenceWarning" else ""
    return f"{name}: {warning.message}{remedy}"


def fit_quietly(estimator: Any, features: pd.DataFrame, target: pd.Series, rows: Rows) -> None:
    """Fit on some rows, whatever that raises or warns of."""
    _name_labels(estimator, rows)
    estimator.fit(features, target.to_frame() if _wants_columns(estimator) else target)


def _remedy(error: Exception, features: pd.DataFrame) -> str:
    """Return what to do, where the columns are what the estimator cannot take."""
    said = str(error)
    texts = [name for name, values in features.items() if not pd.api.types.is_numeric_dtype(values)]
    if texts and "could not convert" in said:
        return (
            f"It takes numbers only. Columns of text ({_listed(texts)}) go through a ColumnTransformer before it, to a "
            "OneHotEncoder or 'drop': the configs that 'dropforge init' and 'dropforge add' write show how."
        )
    gaps = [name for name, values in features.items() if values.isna().any()]
    if gaps and "contains NaN" in said:
        return f"It takes no gaps. Put a SimpleImputer before it, in a Pipeline, for {_listed(gaps)}."
    return "Change parameters or data."


def _listed(names: list[Any]) -> str:
    return ", ".join([*map(str, names[:NAMED]), *["..."] * (len(names) > NAMED)])


def _wants_columns(estimator: Any) -> bool:
    """Whether an estimator predicts several columns only (ClassifierChain): it gets a table of one."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    while isinstance(estimator, Pipeline):  # which does not hand that tag on
        estimator = estimator.steps[-1][1]
    tags = get_tags(estimator).target_tags
    return tags.multi_output and not tags.single_output


def _name_labels(estimator: Any, rows: Rows) -> None:
    """Give `class_weight` the labels that the data has: keys of YAML and JSON are text, labels are often numbers."""
    labels = {str(label): label for label in rows.classes}
    for name, value in estimator.get_params(deep=True).items():
        if name.split("__")[-1] == "class_weight" and isinstance(value, dict):
            estimator.set_params(**{name: {labels.get(key, key): weight for key, weight in value.items()}})
