"""What an estimator's parameters may be, as JSON Schema, for editors: from scikit-learn's own constraints.

A schema refuses nothing that the audit lets through. The other way round it is looser: what JSON Schema cannot say
(NaN, an estimator that must transform) is left to ``dropforge check``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

from dropforge.estimators.describe import about
from dropforge.estimators.parameters import Parameter, parts, satisfies
from dropforge.estimators.registry import Entry

ESTIMATOR = {"$ref": "#/definitions/estimator"}
# Python's word for null is read as null, but it is not offered.
_NONE = {"type": "string", "pattern": "^[Nn]one$"}
# Python counts true among the whole numbers, and so does scikit-learn; it is not offered either.
_COUNTED = {"not": {"type": ["string", "number", "null", "array", "object"]}}
_LISTS: tuple[Any, ...] = ([], [1], [0.5], ["a"])
_MAPPINGS: tuple[Any, ...] = ({}, {"a": 1})
_NUMBERS = (-2.5, -1, 0, 0.5, 1, 2.5, 10**6)
_TEXT = "any text at all"


def params_schema(entry: Entry) -> dict[str, Any]:
    """Return the schema of an estimator's ``params``."""
    return {
        "type": ["object", "array", "null"],  # the dialect's list of mappings of one key is not looked into
        "properties": {name: parameter_schema(entry, parameter) for name, parameter in entry.parameters.items()},
        "additionalProperties": entry.passes_on,
    }


def parameter_schema(entry: Entry, parameter: Parameter) -> dict[str, Any]:
    """Return the schema of a parameter's value, with its description and default."""
    found: dict[str, Any] = {"description": about(parameter)}
    sayable = _is_plain(parameter.default) and not parameter.set_by_scikit_learn
    if sayable and parameter.admits(parameter.default):
        found["default"] = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    if parameter.name == entry.named_items:
        choices = [_named_items(), {"type": "object", "additionalProperties": _ONE_ITEM}]
    elif parameter.name == entry.grid:
        choices = [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
    elif parameter.rules is None:
        return found
    else:
        choices = list(_choices(parameter))
    if not choices:
        return found | {"not": {}}  # it takes a function
    # Draft 7 reads nothing beside a reference.
    return found | (choices[0] if len(choices) == 1 and choices[0] is not ESTIMATOR else {"anyOf": choices})


_ONE_ITEM = {"anyOf": [ESTIMATOR, {"enum": ["passthrough", "drop", None]}, {"type": ["string", "array"]}]}


def _named_items() -> dict[str, Any]:
    """Return the schema of a list of named estimators: pairs, or the dialect's mappings."""
    pair = {"type": "array", "minItems": 2, "items": [{"type": "string"}, _ONE_ITEM]}
    return {"type": "array", "items": {"anyOf": [pair, {"type": "object"}]}}


def _choices(parameter: Parameter) -> Iterator[dict[str, Any]]:
    rules = tuple(part for rule in parameter.rules or () for part in parts(rule))
    words = [option for rule in rules if _is_words(rule) for option in sorted(rule.options)]
    hidden = {option for rule in parameter.rules or () if getattr(rule, "hidden", False) for option in _words(rule)}
    if shown := [word for word in dict.fromkeys(words) if word not in hidden]:
        yield {"enum": shown}
    if hidden:
        yield {"type": "string", "pattern": f"^({'|'.join(sorted(hidden))})$"}
    yield from _numbers(rules)
    kinds = [kind for kind, values in _KINDS.items() if any(parameter.admits(value) for value in values)]
    if parameter.admits(()) or any(parameter.admits(tuple(value)) for value in _LISTS):
        kinds = [*dict.fromkeys((*kinds, "array"))]
    if "boolean" in kinds and not any(map(_takes_booleans, rules)):
        kinds.remove("boolean")
        yield _COUNTED
    if kinds:
        yield {"type": kinds[0] if len(kinds) == 1 else kinds}
    if parameter.may_be_object:
        yield ESTIMATOR
    elif any(parameter.admits(value) for value in _MAPPINGS):
        yield {"type": "object"}
    if "null" in kinds and "string" not in kinds:
        yield _NONE


_KINDS: Mapping[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "null": (None,),
    "string": (_TEXT,),
    "array": _LISTS,
}


def _numbers(rules: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    for rule in rules:
        kind = getattr(rule, "type", None)
        if type(rule).__name__ == "Interval":
            yield _interval(rule)
        elif _is_words(rule) or kind is bool:
            continue
        elif type(rule).__name__ == "Options":
            if numbers := [option for option in rule.options if _is_plain(option) and isinstance(option, int | float)]:
                yield {"enum": sorted(numbers)}
            if any(isinstance(option, float) and not math.isfinite(option) for option in rule.options):
                yield {"type": "number"}
        elif kind is Integral or kind is int:
            yield {"type": "integer"}
        elif type(rule).__name__ == "_NanConstraint" or any(satisfies(rule, number) for number in _NUMBERS):
            yield {"type": "number"}


def _interval(rule: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "integer" if rule.type is Integral else "number"}
    if rule.left is not None and math.isfinite(rule.left):
        found["minimum" if rule.closed in ("left", "both") else "exclusiveMinimum"] = rule.left
    if rule.right is not None and math.isfinite(rule.right):
        found["maximum" if rule.closed in ("right", "both") else "exclusiveMaximum"] = rule.right
    return found


def _takes_booleans(rule: Any) -> bool:
    return getattr(rule, "type", None) is bool


def _is_words(rule: Any) -> bool:
    return type(rule).__name__ == "StrOptions"


def _words(rule: Any) -> tuple[str, ...]:
    return tuple(rule.options) if _is_words(rule) else ()


def _is_plain(value: Any) -> bool:
    """Return whether JSON can say a value."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or (isinstance(value, str | int) and not inspect.isclass(value))
