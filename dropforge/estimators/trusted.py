"""The types that a model file may hold: computed from the registry, never taken from the file."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dropforge.estimators.registry import registry
from dropforge.estimators.thirdparty import public_types


@lru_cache(maxsize=32)
def trusted_types(modules: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the types that a model file may hold.

    These are the classes that scikit-learn itself defines in the modules of the registry's estimators (an
    estimator's tree, its loss, its binner), the functions that are a parameter's default in one of them
    (SelectKBest's ``f_classif``), and the metrics that its scorers are made of (a search keeps its scorer). No other
    function is among them, nor is any other class whose work is to call one, so that loading a file can bring no
    code of its own.

    Parameters
    ----------
    modules : tuple of str
        :attr:`dropforge.estimators.Allowed.modules`: what the spec admits of other packages. Their public classes
        are trusted as well.
    """
    names = {"numpy.dtype"} | {_path(function) for function in _functions()}
    if modules:
        names |= {"collections.OrderedDict", "collections.defaultdict"} | public_types(modules)
    for module_name, module in list(sys.modules.items()):
        if not module_name.startswith("sklearn.") or _is_foreign(module_name):
            continue
        for name, value in list(vars(module).items()):
            if inspect.isclass(value) and value.__module__ == module_name and name not in _CALLERS:
                names.add(f"{module_name}.{name}")
    return frozenset(names)


def _functions() -> Iterator[Any]:
    """Return the functions of scikit-learn that are a parameter's default, or what a scorer computes."""
    from sklearn.metrics import get_scorer, get_scorer_names

    for entry in registry().values():
        for parameter in entry.parameters.values():
            if inspect.isfunction(parameter.default) and parameter.default.__module__.startswith("sklearn."):
                yield parameter.default
    for name in get_scorer_names():
        yield get_scorer(name)._score_func


def _path(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


# Estimators and helpers whose work is to call a function that they were given.
_CALLERS = frozenset({"FunctionTransformer", "Parallel", "delayed"})


def _is_foreign(module: str) -> bool:
    parts = module.split(".")
    return bool({"tests", "externals", "_testing", "datasets", "conftest", "parallel"} & set(parts))
