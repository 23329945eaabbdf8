"""Audit before build: a config's value becomes a tree of checked estimators, and nothing is constructed.

The design follows what skops does with model files: read everything into a tree, check the whole tree, and only
then build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dropforge.documents import Document, Path, Problem, did_you_mean
from dropforge.estimators.registry import Allowed, Entry, registry, short_names

KEYS = ("class", "params")
_NO_MEMORY = "'memory' is not allowed: it writes and loads pickled files"


@dataclass(frozen=True)
class Estimator:
    """A checked estimator: its class path, and parameters in which estimators may be nested."""

    path: str
    params: Mapping[str, Any]


def audit(value: Any, allowed: Allowed, document: Document, path: Path) -> tuple[Estimator | None, list[Problem]]:
    """Check what a config says of one estimator.

    Parameters
    ----------
    value : Any
        A mapping with ``class`` and perhaps ``params``.
    allowed : Allowed
        The class paths that the spec admits, for nested estimators too.
    document, path
        Where the value stands.

    Returns
    -------
    Estimator or None
        The tree; None if there are problems.
    list of Problem
        Every mistake in it.
    """
    auditor = _Auditor(allowed, document)
    tree = auditor.estimator(value, path)
    return (None if auditor.problems else tree), auditor.problems


class _Auditor:
    def __init__(self, allowed: Allowed, document: Document) -> None:
        self.allowed, self.document = allowed, document
        self.problems: list[Problem] = []

    def complain(self, path: Path, message: str, remedy: str = "") -> None:
        self.problems.append(self.document.problem(path, message, remedy))

    def estimator(self, value: Mapping[str, Any], path: Path) -> Estimator | None:
        for key in value:
            if key not in KEYS:
                hint = did_you_mean(key, KEYS) or "An estimator has the keys 'class' and 'params'."
                self.complain((*path, key), f"the key '{key}' is unknown", hint)
        entry = self.entry(value.get("class"), (*path, "class"))
        params = value.get("params")
        if params is not None and not isinstance(params, dict):
            self.complain((*path, "params"), "the parameters must be a mapping", "Write 'name: value' pairs.")
            return None
        if entry is None:
            return None
        checked = {
            name: self.parameter(entry, name, item, (*path, "params", name)) for name, item in (params or {}).items()
        }
        self.required(entry, checked, path)
        return Estimator(entry.path, checked)

    def entry(self, name: Any, path: Path) -> Entry | None:
        if not isinstance(name, str) or not name:
            self.complain(path, "there is no class path", "Write e.g. class: sklearn.tree.DecisionTreeClassifier")
            return None
        full = short_names().get(name, name)
        entry = registry().get(full)
        if full not in self.allowed and (entry or ("." in full and not full.startswith("sklearn."))):
            patterns = ", ".join(self.allowed.patterns)
            denied = f", except {', '.join(self.allowed.deny)}" if self.allowed.deny else ""
            self.complain(
                path,
                f"the class '{full}' is not allowed here",
                f"The spec's allow-list is {patterns}{denied}.",
            )
            return None
        if entry is None:
            self.complain(path, f"scikit-learn has no estimator '{name}'", _suggest(name))
        return entry

    def parameter(self, entry: Entry, name: str, value: Any, path: Path) -> Any:
        if name not in entry.parameters:
            hint = did_you_mean(name, entry.parameters) or f"It has: {', '.join(entry.parameters) or 'none'}."
            self.complain(path, f"{entry.name} has no parameter '{name}'", hint)
            return None
        if name == "memory" and value is not None:
            self.complain(path, _NO_MEMORY, "Leave it out.")
            return None
        checked = self.value(value, path)
        if not _holds_estimator(checked):
            checked, wrong = _constrained(entry, name, checked)
            if wrong:
                self.complain(path, wrong, "Correct the value.")
        return checked

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            if "class" in value:
                return self.estimator(value, path)
            for key in value:
                if key == "memory" or str(key).endswith("__memory"):  # in a search's grid
                    self.complain((*path, key), _NO_MEMORY, "Leave it out.")
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def required(self, entry: Entry, params: Mapping[str, Any], path: Path) -> None:
        import inspect

        for parameter in inspect.signature(entry.cls).parameters.values():
            if (
                parameter.default is parameter.empty
                and parameter.name not in params
                and parameter.name in entry.parameters
            ):
                self.complain(path, f"{entry.name} needs the parameter '{parameter.name}'", "Add it under 'params'.")


def _suggest(name: str) -> str:
    close = did_you_mean(name, list(registry() if "." in name else short_names()))
    if not close and (path := short_names().get(name.rpartition(".")[2])):
        close = f"Did you mean '{path}'?"
    return close or "See 'dropforge estimators' for those that are allowed."


def _constrained(entry: Entry, name: str, value: Any) -> tuple[Any, str]:
    """Return the value and what scikit-learn's own constraint says against it."""
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    wrong = ""
    # YAML and JSON have no tuples: a list stands for one where scikit-learn wants one.
    for candidate in (value, tuple(value)) if isinstance(value, list) else (value,):
        try:
            validate_parameter_constraints(dict(entry.constraints), {name: candidate}, caller_name=entry.name)
        except InvalidParameterError as error:
            wrong = wrong or str(error)
        else:
            return candidate, ""
    return value, wrong


def _holds_estimator(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_estimator(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_estimator(item) for item in value)
    return isinstance(value, Estimator)
