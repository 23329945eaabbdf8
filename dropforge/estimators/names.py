"""From the name that a config gives to the registry's entry; or why there is none, and what to write instead."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dropforge.documents import closest, did_you_mean
from dropforge.estimators.registry import Allowed, Entry, registry, short_names, unambiguous
from dropforge.estimators.retired import retired_class
from dropforge.estimators.thirdparty import WELL_KNOWN, admitted, missing

_FEW = 4  # letters, of which the last one says little


def find(name: Any, allowed: Allowed) -> Entry | tuple[str, str]:
    """Return the entry that a class path or a short name leads to; or what is wrong with it, and what to do.

    A name is looked up and never imported. Packages beside scikit-learn are imported where the spec's patterns name
    them, whatever the config says.
    """
    if not isinstance(name, str) or not name:
        return "there is no class path", "Write e.g. class: sklearn.tree.DecisionTreeClassifier"
    full = short_names().get(name, name)
    entry = registry().get(full)
    if entry is None:
        others = admitted(allowed.modules)
        full = unambiguous(others).get(name, name)
        entry = others.get(full)
    if entry is not None:
        return entry if full in allowed else _not_allowed(full, allowed)
    if reason := _no_path(name) or retired_class(name) or _no_estimator(name):
        return reason
    if "." in name and name.partition(".")[0] != "sklearn":
        return _foreign(name, allowed)
    return f"scikit-learn has no estimator '{name}'", _suggest(name)


def _not_allowed(name: str, allowed: Allowed) -> tuple[str, str]:
    return f"the class '{name}' is not allowed here", f"The spec's allow-list is {allowed}."


def _no_path(name: str) -> tuple[str, str] | None:
    """Return how to write a class that is written otherwise than by its path: ``SVC(C=1)``, ``from x import SVC``."""
    if re.fullmatch(r"[\w.]+", name):
        return None
    before, _, given = name.partition("(")
    last = (re.findall(r"\w+", before) or [""])[-1]
    if last not in short_names():
        return None
    path = short_names()[last]
    return (
        f"'{name}' is no class path",
        f"Write {path}{', and its parameters under params' if given.strip(' )') else ''}.",
    )


def _no_estimator(name: str) -> tuple[str, str] | None:
    """Return why something else of scikit-learn's, which people give to estimators in Python, has no place here."""
    from sklearn import model_selection
    from sklearn.gaussian_process import kernels

    module, _, last = name.rpartition(".")
    if module and module.partition(".")[0] != "sklearn":
        return None
    if last in model_selection.__all__ and hasattr(getattr(model_selection, last), "get_n_splits"):
        return f"'{name}' parts rows, and a config cannot hold one", "Write the number of parts instead: 5."
    kernel = vars(kernels).get(last)
    if inspect.isclass(kernel) and issubclass(kernel, kernels.Kernel):
        return f"'{name}' is a kernel, and a config cannot hold one", "Leave it out for the default."
    if last == "make_column_selector":
        return f"'{name}' is a function, and a config cannot hold one", "List the columns: names or numbers."
    return None


def _foreign(name: str, allowed: Allowed) -> tuple[str, str]:
    """Return what is wrong with a path of another package than scikit-learn."""
    root = name.partition(".")[0]
    named = [module for module in allowed.modules if module.partition(".")[0] == root]
    if gone := missing(tuple(named)):
        return f"the package '{root}' cannot be imported", f"Install it ('{gone[0]}' is in the spec's allow-list)."
    if named:
        known = [path for path in admitted(allowed.modules) if path in allowed]
        message = f"'{root}' has no estimator '{name}'"
        # A class's own module is often another than the one that shows it.
        same = next((path for path in known if path.rpartition(".")[2] == name.rpartition(".")[2]), "")
        if same:
            return message, f"Write {same}."
        return message, did_you_mean(name, known) or f"It has: {', '.join(known) or 'none'}."
    message, remedy = _not_allowed(name, allowed)
    if name.rpartition(".")[2] in WELL_KNOWN:
        remedy += f" To admit it, add '{WELL_KNOWN[name.rpartition('.')[2]]}.*' to train.estimators."
    return message, remedy


def _suggest(name: str) -> str:
    if package := WELL_KNOWN.get(name):
        return f"It is '{package}.{name}', which the spec must admit: add '{package}.*' to train.estimators."
    above = name.rpartition(".")[0]
    if not _classes(name) and (close := _closest(name)):
        return f"Did you mean '{close}'?"
    if module := next((module for module in (name, above) if _classes(module)), ""):
        return f"'{module}' has: {', '.join(_classes(module))}."
    return "See 'dropforge estimators' for those that are allowed."


@lru_cache(maxsize=1024)
def _closest(name: str) -> str:
    """Return the class that was meant: its short name, or its path where a path was written.

    Names are compared, and not paths: those are alike in what does not matter.
    """
    letters = name.lower()
    if short := _initials().get(letters) or (_initials().get(letters[:-1]) if len(letters) <= _FEW else None):
        return short  # rf; rfc, knn
    parts = [part for part in name.split(".")[-3:] if part[:1].isupper() or "." not in name]
    for part in reversed(parts or [name.rpartition(".")[2]]):
        close = part if part in short_names() else closest(part, short_names(), _classifiers())
        if close:
            return short_names()[close] if "." in name else close
    return ""


@lru_cache(maxsize=1)
def _initials() -> Mapping[str, str]:
    """Return the classifiers that alone have their initials: ``rf``, ``gnb``."""
    found: dict[str, list[str]] = {}
    for name in sorted(_classifiers()):
        letters = "".join(re.findall("[A-Z]", name.removesuffix("Classifier"))).lower()
        if len(letters) > 1:
            found.setdefault(letters, []).append(name)
    return {letters: names[0] for letters, names in found.items() if len(names) == 1}


@lru_cache(maxsize=1)
def _classifiers() -> frozenset[str]:
    """Return the short names of what is mostly meant: of what can classify."""
    return frozenset(entry.name for entry in registry().values() if entry.may_classify)


def _classes(module: str) -> list[str]:
    """Return the names of the classes that a module has."""
    return sorted(entry.name for path, entry in registry().items() if path == f"{module}.{entry.name}")
