"""Build what the audit let through."""

from __future__ import annotations

from typing import Any

from dropforge.documents import Problem, UserError
from dropforge.estimators.thirdparty import entry_of
from dropforge.estimators.tree import Estimator


def build(tree: Estimator, seed: int | None = None) -> Any:
    """Construct the estimator that a checked tree names.

    Parameters
    ----------
    tree : Estimator
        From :func:`dropforge.estimators.audit.audit`.
    seed : int, optional
        Taken for every ``random_state``, nested ones too, that the config leaves unset.

    Raises
    ------
    UserError
        If a constructor refuses its parameters. scikit-learn's never do; other packages' may.
    """
    entry = entry_of(tree.path)
    params = {name: _value(value, seed) for name, value in tree.params.items()}
    state = entry.parameters.get("random_state")
    if seed is not None and state and state.default is None:
        params.setdefault("random_state", seed)
    try:
        return entry.cls(**params)
    except Exception as error:
        message = f"{entry.name} cannot be made of these parameters: {type(error).__name__}: {error}"
        raise UserError(Problem(message, "Correct the parameters.")) from error


def _value(value: Any, seed: int | None) -> Any:
    if isinstance(value, Estimator):
        return build(value, seed)
    if isinstance(value, dict):
        return {key: _value(item, seed) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_value(item, seed) for item in value)
    return value
