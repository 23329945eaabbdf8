"""A config as JSON Schema, for editors: from the registry of estimators and the table of words.

It is strict about the plain form, and lets the other dialects through: what it refuses ``dropforge check`` refuses
too. Draft 7, because that is what yaml-language-server has always read; it warns of newer ones or reads them in part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from dropforge.configs.expand import LONGEST_NAME
from dropforge.configs.words import FORCE, GRID, KNOWN, LISTS, PARAMS, PLAIN, SETS
from dropforge.estimators import Allowed, Entry, registry
from dropforge.estimators.json_schema import params_schema
from dropforge.estimators.registry import unambiguous
from dropforge.estimators.thirdparty import admitted

DRAFT = "http://json-schema.org/draft-07/schema#"


@dataclass(frozen=True)
class Key:
    """A key of a config in the plain form: what it takes, what it is where it is not written, and what it is for."""

    name: str
    type: str
    default: str
    description: str


KEYS = (
    Key("class", "text", "required", "class path; the short name does where only one class has it"),
    Key("params", "mapping", "`{}`", "parameters of its constructor, checked against scikit-learn's own constraints"),
    Key("name", "text", "the class's name", "what the candidate is called in Airflow and MLflow"),
    Key(FORCE, "true or false", "`false`", "train it even if the same candidate has a version already"),
    Key(GRID, "mapping of lists", "none", "a candidate for each combination of its own parameters (not "
        "`step__parameter`), as scikit-learn's `ParameterGrid` has it; at most `train.max_grid`"),
    Key(SETS, "list of mappings", "none", "a candidate for each set of parameters"),
    Key("models", "list", "none", "several models, each with the keys above; then it is the only key of the file"),
)  # fmt: skip
_ABOUT = {key.name: key.description for key in KEYS}


def config_schema(allowed: Allowed | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a config.

    Parameters
    ----------
    allowed : Allowed, optional
        What a pipeline admits, and nothing else is then. By default all of scikit-learn, and any class that another
        package may have.
    """
    entries = dict(registry())
    if allowed:
        entries = {
            path: entry
            for path, entry in {**entries, **admitted(allowed.modules)}.items()
            if path in allowed
        }  # fmt: skip
    return _Schema(entries, open_ended=allowed is None).whole()


class _Schema:
    def __init__(self, entries: Mapping[str, Entry], *, open_ended: bool) -> None:
        self.entries, self.open_ended = entries, open_ended
        self.short = {path: name for name, path in unambiguous(entries).items()}

    def whole(self) -> dict[str, Any]:
        models = [entry for entry in self.entries.values() if _may_stand_alone(entry)]
        several = {
            "type": ["array", "object"],
            "items": {"type": ["object", "string"], "allOf": [{"$ref": "#/definitions/model"}]},
        }
        return {
            "$schema": DRAFT,
            "title": "A config of Dropforge",
            "type": ["object", "array", "null"],
            "properties": {"models": {"description": _ABOUT["models"]}},
            "if": {"type": "object", "required": ["models"]},
            "then": {"properties": {"models": several}, "additionalProperties": False},
            "else": {"$ref": "#/definitions/model"},
            "definitions": {
                "model": self.model(models),
                "estimator": self.estimator(),
                "class of a model": self.classes(models),
                "class": self.classes(self.entries.values()),
                "bare parameters": {"propertyNames": {"not": {"pattern": _spellings(PARAMS)}}},
                **_named_once({path: params_schema(entry) for path, entry in self.entries.items()}),
            },
        }

    def model(self, entries: Iterable[Entry]) -> dict[str, Any]:
        keys = {
            "class": {"$ref": "#/definitions/class of a model"},
            "name": {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME},
            FORCE: {"type": "boolean", "default": False},
            GRID: {"type": ["object", "array"]},
            SETS: {"type": "array", "minItems": 1, "items": {"type": ["object", "array"]}},
        }
        strict = {
            "properties": keys,
            "allOf": [self.one(entry, {"params": _params(entry), GRID: _grid(entry), SETS: _sets(entry)}, keys)
                      for entry in entries],
        }  # fmt: skip
        return {
            "properties": {name: {"description": text} for name, text in _ABOUT.items() if name != "models"},
            "if": _IS_PLAIN,
            "then": strict,
        }

    def estimator(self) -> dict[str, Any]:
        """Return the schema of a nested estimator."""
        keys = {"class": {"$ref": "#/definitions/class"}}
        return {
            "type": "object",
            "properties": {name: {"description": _ABOUT[name]} for name in ("class", "params")},
            "if": _IS_PLAIN,
            "then": {
                "properties": keys,
                "allOf": [self.one(entry, {"params": _params(entry)}, keys) for entry in self.entries.values()],
            },
        }

    def one(self, entry: Entry, properties: dict[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
        """Return what holds where the class is this one."""
        names = [entry.path, *([self.short[entry.path]] if entry.path in self.short else ())]
        beside = "|".join(map(re.escape, entry.parameters))
        return {
            "if": {"properties": {"class": {"enum": names}}},
            "then": {
                "properties": {**dict.fromkeys(keys, True), **properties},
                # Parameters may stand beside the class, too. They are not offered there.
                **({"patternProperties": {f"^({beside})$": True}} if beside else {}),
                "additionalProperties": False,
            },
        }

    def classes(self, entries: Iterable[Entry]) -> dict[str, Any]:
        entries = list(entries)
        short = sorted(self.short[entry.path] for entry in entries if entry.path in self.short)
        paths: list[dict[str, Any]] = [{"enum": [entry.path for entry in entries]}]
        if self.open_ended:
            others = sorted(set(self.short.values()) - set(short))
            pattern = rf"^(?!sklearn\.){f'(?!({_any(others)})$)' if others else ''}"
            return {"anyOf": [*paths, {"type": "string", "pattern": pattern}]}
        return {"anyOf": [*paths, {"type": "string", "pattern": f"^({_any(short)})$"}]}


def _named_once(params: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the schemas of parameters, with those that several estimators share apart: a third smaller."""
    owners: dict[str, list[str]] = {}
    for path, schema in params.items():
        for name, value in schema["properties"].items():
            owners.setdefault(json.dumps([name, value]), []).append(path)
    shared: dict[str, dict[str, Any]] = {}
    for text, paths in owners.items():
        name, value = json.loads(text)
        if len(paths) > 1:
            label = next(label for number in count(1) if (label := f"{name} {number}") not in shared)
            shared[label] = value
            for path in paths:
                params[path]["properties"][name] = {"$ref": f"#/definitions/{label}"}
    return params | shared


def _may_stand_alone(entry: Entry) -> bool:
    """Return whether it is a classifier, or what it holds may make it one (a Pipeline, a search, a frozen one)."""
    return entry.kind == "classifier" or (
        entry.kind == "other" and not {"steps", "estimator"}.isdisjoint(entry.parameters)
    )


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))


def _spellings(words: Iterable[str]) -> str:
    """Return a pattern of every way to write the words of dialects: ``className``, ``Class-Name``."""
    letters = {letter: f"[{letter}{letter.upper()}]" for letter in "abcdefghijklmnopqrstuvwxyz"} | {"_": "[-_ ]*"}
    return f"^({'|'.join(''.join(letters[letter] for letter in word) for word in words)})$"


# With a word of the dialects it is not the plain form.
_PLAIN_KEYS = {
    "not": {"pattern": f"(?!^({'|'.join(PLAIN)})$){_spellings(sorted(KNOWN - set(LISTS)))}"},
}
_IS_PLAIN = {"type": "object", "required": ["class"], "propertyNames": _PLAIN_KEYS}


def _params(entry: Entry) -> dict[str, Any]:
    return {"description": entry.summary, "allOf": [{"$ref": f"#/definitions/{entry.path}"}]}


def _grid(entry: Entry) -> dict[str, Any]:
    tried = {
        "type": "object",
        "properties": {name: {"type": "array", "minItems": 1, "items": _parameter(entry, name)}
                       for name in entry.parameters},
        "additionalProperties": entry.passes_on,
    }  # fmt: skip
    return {"anyOf": [tried, {"type": "array", "minItems": 1, "items": {"type": "object"}}]}


def _sets(entry: Entry) -> dict[str, Any]:
    own = {
        "if": {"$ref": "#/definitions/bare parameters"},
        "then": {"$ref": f"#/definitions/{entry.path}"},
    }
    return {"items": own}


def _parameter(entry: Entry, name: str) -> dict[str, Any]:
    return {"$ref": f"#/definitions/{entry.path}/properties/{name}"}
