"""Cross-validation: how much a candidate's score depends on which rows it learned from."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import Estimator, build
from dropforge.settings import Pipeline
from dropforge.training.fit import fit_quietly


def cross_validate(tree: Estimator, rows: Rows, pipeline: Pipeline, file: str) -> dict[str, list[float]]:
    """Return the pipeline's metric on each fold of the training rows; nothing without `train.cv`.

    A group is in one fold; where the rows are split by time, each fold is later than what it is measured with.

    Parameters
    ----------
    tree : Estimator
        With what goes before the model: it is fitted anew for each fold.
    rows : Rows
        The data.
    pipeline : Pipeline
        The settings.
    file : str
        The config, for messages.

    Raises
    ------
    UserError
        If a fold cannot be fitted or measured.
    """
    from sklearn.metrics import get_scorer

    count, metric = pipeline.train.cv, pipeline.promote.metric
    if count < 2:  # noqa: PLR2004 - one fold is none
        return {}
    features, target = rows.part("train")
    along = None if rows.along is None else rows.along.iloc[rows.parts["train"]].to_numpy()
    scorer, values = get_scorer(metric), []
    try:
        for learned, measured in _folds(pipeline, count, target.to_numpy(), along):
            estimator = build(tree, pipeline.data.split.seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit_quietly(estimator, features.iloc[learned], target.iloc[learned], rows)
            values.append(float(scorer(estimator, features.iloc[measured], target.iloc[measured])))
    except Exception as error:
        message = f"fold {len(values) + 1} of {count} (train.cv) failed: {type(error).__name__}: {error}"
        raise UserError(Problem(message, "Lower train.cv, or change parameters or data.", file)) from error
    return {f"cv_{metric}": values}


def _folds(pipeline: Pipeline, count: int, target: np.ndarray, along: np.ndarray | None) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

    split = pipeline.data.split
    if split.time and along is not None:
        order = np.argsort(along, kind="stable")
        return ((order[a], order[b]) for a, b in TimeSeriesSplit(count).split(order))
    if split.group:
        return StratifiedGroupKFold(count, shuffle=True, random_state=split.seed).split(target, target, along)
    return StratifiedKFold(count, shuffle=True, random_state=split.seed).split(target, target)
