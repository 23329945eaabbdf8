"""The registry of estimators: computed from scikit-learn, narrowed by the spec's patterns."""

from __future__ import annotations

import fnmatch
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

Kind = Literal["classifier", "regressor", "clusterer", "transformer", "other"]


@dataclass(frozen=True)
class Entry:
    """One class that the registry knows.

    Parameters
    ----------
    path : str
        Its public path, as scikit-learn documents it: ``sklearn.ensemble.RandomForestClassifier``.
    cls : type
        The class.
    kind : str
        What it is.
    parameters : tuple of str
        What its constructor takes, in order.
    summary : str
        The first line of its documentation.
    """

    path: str
    cls: type
    kind: Kind
    parameters: tuple[str, ...]
    summary: str

    @property
    def name(self) -> str:
        """The short name."""
        return self.path.rpartition(".")[2]

    @property
    def may_classify(self) -> bool:
        """Whether it is a classifier, or is one if what it holds is (a Pipeline, a search)."""
        return self.kind == "classifier" or (self.kind == "other" and hasattr(self.cls, "classes_"))

    @property
    def constraints(self) -> Mapping[str, Any]:
        """scikit-learn's own constraints of the parameters."""
        return getattr(self.cls, "_parameter_constraints", {})


@dataclass(frozen=True)
class Allowed:
    """The spec's allow-list of class paths, and the patterns that narrow it."""

    patterns: tuple[str, ...] = ("sklearn.*",)
    deny: tuple[str, ...] = ()

    def __contains__(self, path: str) -> bool:
        return _matches(path, self.patterns) and not _matches(path, self.deny)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


@lru_cache(maxsize=1)
def registry() -> Mapping[str, Entry]:
    """Return every estimator of scikit-learn by its public path."""
    from sklearn.utils import all_estimators

    found = {}
    for name, cls in all_estimators():
        path = f"{_public_module(cls)}.{name}"
        found[path] = Entry(path, cls, _kind(cls), _parameters(cls), _summary(cls))
    return found


@lru_cache(maxsize=1)
def short_names() -> Mapping[str, str]:
    """Return the public path of each short name that only one class has."""
    paths: dict[str, list[str]] = {}
    for path, entry in registry().items():
        paths.setdefault(entry.name, []).append(path)
    return {name: found[0] for name, found in paths.items() if len(found) == 1}


@lru_cache(maxsize=1)
def trusted_types() -> frozenset[str]:
    """Return the names of the types that a model file may hold.

    These are the classes that scikit-learn itself defines in the modules of the registry's estimators (an
    estimator's tree, its loss, its binner), and the functions that are a parameter's default in one of them
    (SelectKBest's ``f_classif``). No other function is among them, nor is anything whose work is to call one, so that
    loading a file can bring no code of its own.
    """
    import sys

    names = {"numpy.dtype"} | {_path(value) for entry in registry().values() for value in _functions(entry)}
    for module_name, module in list(sys.modules.items()):
        if not module_name.startswith("sklearn.") or _is_foreign(module_name):
            continue
        for name, value in list(vars(module).items()):
            if inspect.isclass(value) and value.__module__ == module_name and name not in _CALLERS:
                names.add(f"{module_name}.{name}")
    return frozenset(names)


def _functions(entry: Entry) -> list[Any]:
    """Return the functions of scikit-learn that are a default of one of the entry's parameters."""
    defaults = [parameter.default for parameter in inspect.signature(entry.cls).parameters.values()]
    return [value for value in defaults if inspect.isfunction(value) and value.__module__.startswith("sklearn.")]


def _path(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


# Estimators and helpers whose work is to call a function that they were given.
_CALLERS = frozenset({"FunctionTransformer", "_PredictScorer", "_Scorer", "_BaseScorer", "Parallel", "delayed"})


def _is_foreign(module: str) -> bool:
    parts = module.split(".")
    return bool({"tests", "externals", "_testing", "datasets", "conftest", "parallel"} & set(parts))


def _public_module(cls: type) -> str:
    """Return the nearest public module that exports ``cls``."""
    parts = cls.__module__.split(".")
    while any(part.startswith("_") for part in parts) and len(parts) > 1:
        parts.pop()
    module = ".".join(parts)
    # A class of `sklearn.x._y` is exported by `sklearn.x`, in the same name.
    return module if getattr(importlib.import_module(module), cls.__name__, None) is cls else cls.__module__


def _kind(cls: type) -> Kind:
    from sklearn.base import ClassifierMixin, ClusterMixin, RegressorMixin, TransformerMixin

    kinds: tuple[tuple[type, Kind], ...] = (
        (ClassifierMixin, "classifier"),
        (RegressorMixin, "regressor"),
        (ClusterMixin, "clusterer"),
        (TransformerMixin, "transformer"),
    )
    return next((kind for mixin, kind in kinds if issubclass(cls, mixin)), "other")


def _parameters(cls: type) -> tuple[str, ...]:
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return tuple(p.name for p in parameters if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))


def _summary(cls: type) -> str:
    return next((line.strip() for line in (cls.__doc__ or "").splitlines() if line.strip()), "")
