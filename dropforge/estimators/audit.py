"""Audit before build: a config's value becomes a tree of checked estimators, and nothing is constructed.

The design follows what skops does with model files: read everything into a tree, check the whole tree, and only
then build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dropforge.documents import Document, Path, Problem, did_you_mean, stuck
from dropforge.estimators import refused
from dropforge.estimators.names import find
from dropforge.estimators.parameters import Parameter, shown
from dropforge.estimators.registry import Allowed, Entry
from dropforge.estimators.retired import retired_parameter, retired_word
from dropforge.estimators.thirdparty import entry_of
from dropforge.estimators.tree import Estimator, classifier_for, named_items, plain, role, with_article

KEYS = ("class", "params")
_WRONG = Estimator("", {})  # stands in a tree where an estimator had problems, until all of them are found
# A parameter with this name in a classifier holds what it asks for classes; these two also take scores of a regressor.
_HELD = ("estimator", "final_estimator", "estimators")
_TAKES_REGRESSORS = ("OneVsRestClassifier", "OneVsOneClassifier")
# The words that stand for a named estimator which is left out.
_WORDS: Mapping[str, tuple[str | None, ...]] = {
    "steps": ("passthrough", None),
    "transformers": ("passthrough", "drop"),
    "transformer_list": ("passthrough", "drop"),
    "estimators": ("drop",),
}


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

    def estimator(self, value: Any, path: Path) -> Estimator | None:
        if not isinstance(value, dict):
            self.complain(path, "an estimator is a mapping", "Write 'class: ...' and 'params: ...'.")
            return None
        for key in value:
            if key not in KEYS:
                hint = did_you_mean(str(key), KEYS) or "An estimator has the keys 'class' and 'params'."
                self.complain((*path, key), f"the key '{key}' is unknown", hint)
        entry = find(value.get("class"), self.allowed)
        if not isinstance(entry, Entry):
            self.complain((*path, "class"), *entry)
        params = value.get("params")
        if params is not None and not isinstance(params, dict):
            self.complain((*path, "params"), "the parameters must be a mapping", "Write 'name: value' pairs.")
            return None
        if not isinstance(entry, Entry):
            return None
        checked: dict[str, Any] = {}
        sound: set[str] = set()
        for name, item in (params or {}).items():
            before = len(self.problems)
            checked[name] = self.parameter(entry, name, item, (*path, "params", name))
            if len(self.problems) == before:
                sound.add(name)
        for parameter in entry.parameters.values():
            if parameter.required and parameter.name not in checked:
                remedy = "Add it under 'params'."
                self.complain(path, f"{entry.name} needs the parameter '{parameter.name}'", remedy)
        if entry.grid and {entry.grid, "estimator"} <= sound:
            tree = Estimator(entry.path, checked)
            checked[entry.grid] = self.grids(tree, checked[entry.grid], (*path, "params", entry.grid))
        return Estimator(entry.path, checked)

    def parameter(self, entry: Entry, name: Any, value: Any, path: Path) -> Any:
        """Return the checked value of a parameter; what is wrong with it has been said."""
        parameter = entry.parameter(name)
        if parameter is None:
            self.complain(path, *unknown_parameter(entry, name))
            return None
        before = len(self.problems)
        checked = self.value(value, path)
        if name == entry.named_items:
            return self.items(entry, parameter, checked, path)
        if len(self.problems) > before:
            return None
        if reason := refused.parameter(entry, parameter, checked):
            self.complain(path, *reason)
            return None
        if name == entry.grid:
            return checked  # it is checked against the estimator, once that is known
        return self.constrained(entry, parameter, checked, path)

    def constrained(self, entry: Entry, parameter: Parameter, value: Any, path: Path) -> Any:
        """Hold a value against scikit-learn's own constraints."""
        if isinstance(value, Estimator):
            inner = entry_of(value.path)
            if not parameter.admits_class(inner.cls):
                self.complain(path, parameter.complaint(entry.name, value.path), parameter.hint)
            else:
                self.held(entry, parameter, value, path)
            return value
        read = parameter.read(value)
        if parameter.admits(read):
            return read
        if word := retired_word(entry, parameter.name, value):
            remedy = f"'{word.name}' was removed in scikit-learn {word.since}. {word.instead}"
        else:
            named = self.named(value) if parameter.may_be_object else ""
            remedy = parameter.remedy(value) or named or parameter.hint
        self.complain(path, parameter.complaint(entry.name, plain(value)), remedy)
        return None

    def named(self, value: Any) -> str:
        """Return how to write an estimator of which only the name was given."""
        if isinstance(value, str) and isinstance(find(value, self.allowed), Entry):
            return f"Write {{class: {value}}}."
        return ""

    def with_name(self, value: Any) -> str:
        """Return how to write a named estimator of which the name is left out."""
        known = value.path if isinstance(value, Estimator) else value
        entry = find(known, self.allowed) if isinstance(known, str) else None
        return f"Give it a name: [{entry.name.lower()}, {{class: {entry.name}}}]." if isinstance(entry, Entry) else ""

    def held(self, entry: Entry, parameter: Parameter, tree: Estimator, path: Path) -> None:
        """Complain if a classifier of classifiers is given something else."""
        if entry.kind != "classifier" or parameter.name not in _HELD:
            return
        kind = role(tree)
        takes = ("classifier", "regressor") if entry.name in _TAKES_REGRESSORS else ("classifier",)
        if kind not in (*takes, "other"):
            name = tree.name
            message = f"{entry.name} holds classifiers, and {name} is {with_article(kind)}"
            self.complain((*path, "class"), message, classifier_for(tree.path))

    def value(self, value: Any, path: Path) -> Any:
        """Return a value with its estimators audited, wherever they stand in it."""
        if isinstance(value, dict):
            if "class" in value:
                return self.estimator(value, path) or _WRONG
            for key in value:
                if not isinstance(key, str):
                    self.complain(path, f"the key {key!r} is not text", "Put it in quotes.")
                    return None
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        if value is None or isinstance(value, str | bool | int | float):
            return value
        self.complain(
            path, f"a {type(value).__name__} is no value of a config", "Write text, numbers, lists, mappings."
        )
        return None

    def items(self, entry: Entry, parameter: Parameter, value: Any, path: Path) -> Any:
        """Return named estimators as scikit-learn's tuples: from pairs, from one-key mappings, or from a mapping."""
        if not isinstance(value, dict | list):
            self.complain(path, parameter.complaint(entry.name, plain(value)), _as_items(parameter.name))
            return None
        if not value and parameter.name in ("steps", "estimators"):
            self.complain(path, f"'{parameter.name}' of {entry.name} names no estimator", _as_items(parameter.name))
        found: list[tuple[Any, ...]] = []
        size = 3 if parameter.name == "transformers" else 2
        for item, places in _items(value, path):
            if len(item) != size:
                where = places[0][: len(path) + 1]
                nameless = self.with_name(value[int(where[-1])]) if isinstance(value, list) and size == 2 else ""  # noqa: PLR2004
                message = f"each of '{parameter.name}' has {size} parts"
                self.complain(where, message, nameless or _as_items(parameter.name))
                continue
            self.item_name(entry, item[0], [name for name, *_ in found], places[0])
            is_last = len(found) == len(value) - 1
            self.item_estimator(entry, parameter, item[1], places[1], is_last=is_last)
            if size > 2 and item[2] is not _WRONG and not _are_columns(item[2]):  # noqa: PLR2004 - columns come third
                remedy = "Write a column's name, its number, or a list of them; a slice or function cannot be written."
                self.complain(places[2], f"{shown(plain(item[2]))} names no columns", remedy)
            found.append(item)
        return found

    def item_name(self, entry: Entry, name: Any, others: list[Any], path: Path) -> None:
        if not isinstance(name, str) or not name:
            self.complain(path, "the name must be text", "Write it first: [name, {class: ...}].")
        elif "__" in name:
            self.complain(path, f"the name '{name}' must not contain __", "Use one underscore.")
        elif name in others:
            self.complain(path, f"the name '{name}' stands twice", "Give each its own.")
        elif name in entry.parameters:
            self.complain(path, f"the name '{name}' is that of a parameter of {entry.name}", "Choose another.")

    def item_estimator(self, entry: Entry, parameter: Parameter, value: Any, path: Path, *, is_last: bool) -> None:
        words = _WORDS[parameter.name]
        if value is _WRONG:
            return
        if not isinstance(value, Estimator):
            if value not in words:
                known = " or ".join("null" if word is None else f"'{word}'" for word in words)
                remedy = self.named(value) or self.with_name(path[-1]) or f"Write {{class: ...}}, or {known}."
                self.complain(path, f"{shown(plain(value))} is no estimator", remedy)
            return
        cls, name = entry_of(value.path).cls, value.name
        if parameter.name == "estimators":
            self.held(entry, parameter, value, path)
        elif not (is_last and parameter.name == "steps") and not hasattr(cls, "transform"):
            kind = with_article(role(value))
            message = f"{name} is {kind} and cannot transform what comes after it"
            if parameter.name != "steps":
                message = f"{entry.name} holds transformers, and {name} is {kind}"
            remedy = "Put a transformer here; in a Pipeline, the last step predicts."
            self.complain((*path, "class"), message, remedy)
        elif not hasattr(cls, "fit"):
            self.complain((*path, "class"), f"{name} cannot be fitted", "Choose another.")

    def grids(self, search: Estimator, value: Any, path: Path) -> Any:
        """Check what a search tries against the estimator that it tries it on."""
        inner = search.params.get("estimator")
        grids = [value] if isinstance(value, dict) else value
        if not isinstance(inner, Estimator) or not isinstance(grids, list):
            name = path[-1]
            self.complain(path, f"'{name}' must be a mapping, or a list of mappings", "Write 'name: [value, value]'.")
            return None
        checked = []
        for index, grid in enumerate(grids):
            where = path if isinstance(value, dict) else (*path, index)
            if not isinstance(grid, dict):
                self.complain(where, "a grid is a mapping", "Write 'name: [value, value]'.")
                continue
            checked.append({key: self.tried(inner, key, grid, (*where, key)) for key in grid})
        return checked[0] if isinstance(value, dict) and checked else checked

    def tried(self, inner: Estimator, key: str, grid: Mapping[str, Any], path: Path) -> Any:
        values = grid[key]
        if not isinstance(values, list) or not values:
            remedy = "Write a list with one value at least; distributions cannot be written."
            self.complain(path, f"the values of '{key}' must be a list. Got {shown(plain(values))} instead.", remedy)
            return None
        targets = self.targets(inner, key, "", grid, path)
        before = len(self.problems)
        checked = values
        for entry, parameter in targets:
            checked = [self.tried_value(entry, parameter, item, (*path, index)) for index, item in enumerate(values)]
            if len(self.problems) > before:
                break
        return checked

    def tried_value(self, entry: Entry, parameter: Parameter | None, value: Any, path: Path) -> Any:
        if parameter is None:  # a named estimator takes another's place
            name = entry.named_items or ""
            self.item_estimator(entry, entry.parameters[name], value, path, is_last=True)
            return value
        if reason := refused.parameter(entry, parameter, value):
            self.complain(path, *reason)
            return None
        if parameter.name == entry.named_items:
            return self.items(entry, parameter, value, path)
        return self.constrained(entry, parameter, value, path)

    def targets(
        self, holder: Estimator, key: str, prefix: str, grid: Mapping[str, Any], path: Path
    ) -> list[tuple[Entry, Parameter | None]]:
        """Return the parameters that a key of a grid names, in each of the estimators that may stand there."""
        entry, items = entry_of(holder.path), named_items(holder)
        head, nested, rest = key.partition("__")
        if not nested and (parameter := entry.parameter(head)):
            return [(entry, parameter)]
        if head not in items and head not in entry.parameters:
            if retired := retired_parameter(entry, head):
                self.complain(path, *unknown_parameter(entry, retired.name))
            else:
                known = [*entry.parameters, *items]
                remedy = did_you_mean(head, known) or f"It has: {', '.join(known) or 'none'}."
                self.complain(path, f"{entry.name} has no parameter '{head}'", remedy)
            return []
        if not nested:
            return [(entry, None)]
        whole = f"{prefix}{head}"
        others = grid.get(whole)
        candidates = others if isinstance(others, list) else [items.get(head, holder.params.get(head))]
        found = []
        for candidate in candidates:
            if not isinstance(candidate, Estimator):
                message = f"'{whole}' holds no estimator that could have the parameter '{rest}'"
                self.complain(path, message, f"Name its class at '{whole}'.")
                return []
            found += self.targets(candidate, rest, f"{whole}__", grid, path)
        return found


def unknown_parameter(entry: Entry, name: Any) -> tuple[str, str]:
    """Return the message that an estimator has no such parameter, and what to do."""
    if retired := retired_parameter(entry, str(name)):
        return f"{entry.name} has no parameter '{name}' since scikit-learn {retired.since}", retired.instead
    known = list(entry.parameters)
    if "__" in str(name) and (entry.named_items or "estimator" in known):
        remedy = "Write it in the estimator that has it; to try several values, name GridSearchCV with a 'param_grid'."
        return f"{entry.name} has no parameter '{name}'", remedy
    remedy = did_you_mean(str(name), known) or f"It has: {', '.join(known) or 'none'}."
    if str(name).partition(":")[0] in known:
        remedy = stuck(str(name)) or remedy
    return f"{entry.name} has no parameter '{name}'", remedy


def _as_items(parameter: str) -> str:
    if parameter == "transformers":
        return "Write [[name, {class: ...}, [column, column]], ...]."
    return "Write [[name, {class: ...}], ...]."


def _items(value: Any, path: Path) -> Iterator[tuple[tuple[Any, ...], list[Path]]]:
    """Return the parts of each named estimator, and where each part stands."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (name, item), [(*path, name)] * 2
        return
    for index, item in enumerate(value):
        where: Path = (*path, index)
        if isinstance(item, dict) and len(item) == 1:
            name, held = next(iter(item.items()))
            yield (name, held), [(*where, name)] * 2
        elif isinstance(item, list | tuple):
            yield tuple(item), [(*where, part) for part in range(max(3, len(item)))]
        else:
            yield (), [where]


def _are_columns(value: Any) -> bool:
    many = value if isinstance(value, list) else [value]
    return all(isinstance(column, str | int) for column in many)
