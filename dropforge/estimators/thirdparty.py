"""Estimators of other packages that follow scikit-learn's API: only of packages that the spec names literally."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import ModuleType

from dropforge.estimators.registry import Entry, make_entry, registry

# What people write without saying whose it is.
WELL_KNOWN = {
    "XGBClassifier": "xgboost",
    "XGBRFClassifier": "xgboost",
    "LGBMClassifier": "lightgbm",
    "CatBoostClassifier": "catboost",
    "BalancedRandomForestClassifier": "imblearn.ensemble",
}


@lru_cache(maxsize=32)
def admitted(modules: tuple[str, ...]) -> Mapping[str, Entry]:
    """Return the estimators of the packages that the spec names, by their shortest public path.

    Parameters
    ----------
    modules : tuple of str
        :attr:`dropforge.estimators.Allowed.modules`. They are imported, and nothing else is: a class that lies in
        a module which its package does not import by itself needs a pattern that names that module.
    """
    found: dict[type, str] = {}
    for module in modules:
        if _imported(module):
            for path, cls in _classes(module.partition(".")[0]):
                if cls not in found or (path.count("."), path) < (found[cls].count("."), found[cls]):
                    found[cls] = path
    return {path: make_entry(path, cls) for cls, path in sorted(found.items(), key=lambda item: item[1])}


def missing(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the modules that cannot be imported."""
    return tuple(module for module in modules if _imported(module) is None)


def entry_of(path: str) -> Entry:
    """Return the entry of a path that the audit let through."""
    known = registry().get(path)
    return known or admitted((path.rpartition(".")[0],))[path]


def public_types(modules: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the classes that the packages of modules define and show, and of their estimators' bases."""
    roots = {module.partition(".")[0] for module in modules}
    shown = {
        cls for name in modules if (module := _imported(name)) for cls in vars(module).values() if inspect.isclass(cls)
    }
    bases = {base for entry in admitted(modules).values() for base in entry.cls.__mro__}
    return frozenset(
        f"{cls.__module__}.{cls.__qualname__}"
        for cls in shown | bases
        if cls.__module__.partition(".")[0] in roots and "." not in cls.__qualname__
    )


@lru_cache(maxsize=32)
def installed(roots: frozenset[str]) -> Mapping[str, str]:
    """Return what is installed under the names of top-level modules: the packages' own names, and their versions."""
    if not roots:
        return {}
    names = importlib.metadata.packages_distributions()
    return {name: importlib.metadata.version(name) for root in sorted(roots) for name in sorted(set(names[root]))}


@lru_cache(maxsize=64)
def _imported(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except Exception:
        # A package that is not there, or fails on its own: whatever it raises, it cannot be used.
        return None


def _classes(root: str) -> Iterator[tuple[str, type]]:
    """Return the estimators in the public modules of a package that are loaded."""
    from sklearn.base import BaseEstimator

    for name, module in sorted(sys.modules.items()):
        if name != root and not name.startswith(f"{root}."):
            continue
        if any(part.startswith("_") or part in ("tests", "testing") for part in name.split(".")):
            continue
        for attribute, value in sorted(vars(module).items()):
            if (
                not attribute.startswith("_")
                and inspect.isclass(value)
                and issubclass(value, BaseEstimator)
                and not inspect.isabstract(value)
                and value.__module__.partition(".")[0] == root
            ):
                yield f"{name}.{attribute}", value
