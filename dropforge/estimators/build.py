"""Build what the audit let through."""

from __future__ import annotations

from typing import Any

from dropforge.estimators.audit import Estimator
from dropforge.estimators.registry import registry


def build(tree: Estimator, seed: int | None = None) -> Any:
    """Construct the estimator that a checked tree names.

    Parameters
    ----------
    tree : Estimator
        From :func:`dropforge.estimators.audit.audit`.
    seed : int, optional
        Taken for every ``random_state``, nested ones too, that the config leaves unset.
    """
    entry = registry()[tree.path]
    params = {name: _value(value, seed) for name, value in tree.params.items()}
    if seed is not None and "random_state" in entry.parameters:
        params.setdefault("random_state", seed)
    return entry.cls(**params)


def plain(value: Any) -> Any:
    """Return a checked tree in the plain form: mappings with ``class`` and ``params``, keys in order."""
    if isinstance(value, Estimator):
        return {"class": value.path, "params": plain(dict(value.params))}
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _value(value: Any, seed: int | None) -> Any:
    if isinstance(value, Estimator):
        return build(value, seed)
    if isinstance(value, dict):
        return {key: _value(item, seed) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_value(item, seed) for item in value]
        # A named step, [name, {...}], is a tuple in scikit-learn.
        named = value and isinstance(value[0], str) and any(isinstance(item, Estimator) for item in value)
        return tuple(items) if named or isinstance(value, tuple) else items
    return value
