"""The spec as JSON Schema, for editors: made from the one Cerberus schema.

What it refuses ``dropforge check`` refuses too. The other way round it is looser: what depends on the environment, on
other files or on what Airflow and scikit-learn know is left to ``dropforge check``. Draft 7, because that is what
yaml-language-server has always read; it warns of newer ones or reads them in part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dropforge.settings import TABLE
from generator.schema import COMMON_METRICS, LABEL_LENGTH, NAME, PIPELINE, PRESETS, SPEC

DRAFT = "http://json-schema.org/draft-07/schema#"
Schema = dict[str, Any]
Rules = Mapping[str, Any]

_TYPES = {
    "dict": "object",
    "string": "string",
    "list": "array",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
}
_LEAST = {"dict": "minProperties", "list": "minItems", "string": "minLength"}
# JSON Schema's patterns have no way to say that upper and lower case are one.
_TABLE = re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", TABLE.pattern)
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
# What a check of ours admits, as far as a pattern can say it: more rather than less.
_CHECKS: Mapping[str, Schema] = {
    "share": {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "positive": {"exclusiveMinimum": 0},
    "finite": {},
    "encoding": {},
    "source": {"pattern": rf"^sklearn\.datasets\.load_[a-z0-9_]+$|{_TABLE}"},
    "folder": {},
    "pattern": {"pattern": r"^[A-Za-z_*?]\S*$"},
    "schedule": {"anyOf": [{"enum": ["30s", "5m", "1h", *PRESETS, "*/5 * * * *"]},
                           {"pattern": r"^\s*(\d{1,9}\s*[smhd]|\S+(\s+\S+){4}|@[a-z]+)\s*$"}]},
    "timezone": {},
    "interval": {"pattern": r"^\s*\d{1,9}\s*[smhd]\s*$"},
    "metric": {"anyOf": [{"enum": sorted(COMMON_METRICS)}, {"pattern": "^[a-z0-9_]+$"}]},
    "alias": {"pattern": r"^(?![vV][0-9]+$)(?![lL][aA][tT][eE][sS][tT]$)[A-Za-z]\S{0,99}$"},
    "label": {"minLength": 1, "maxLength": LABEL_LENGTH, "pattern": r"^\S"},
    "name": {"pattern": f"^(?!defaults$){NAME}$"},
    "notifier": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"},
    "arguments": {},
    "guard": {"pattern": "^[a-z0-9_]+$"},
    "bounds": {"minProperties": 1},
    "confidence": {"minimum": 0.5, "exclusiveMaximum": 1},
}  # fmt: skip


def spec_schema() -> Schema:
    """Return the JSON Schema of a spec file, and of the files in the folder beside it.

    A file with a ``version`` is a spec; one without holds ``pipelines`` alone.
    """
    pipeline = {"$ref": "#/definitions/pipeline"}
    pipelines = _value({**SPEC["pipelines"], "minlength": 0}) | {"additionalProperties": pipeline}
    return {
        "$schema": DRAFT,
        "title": "A spec of Dropforge",
        "type": "object",
        "properties": {
            "version": {"description": _described(SPEC["version"]), **_strict(SPEC["version"])},
            "defaults": {"description": _described(SPEC["defaults"]), "anyOf": [pipeline, {"type": "null"}]},
            "pipelines": pipelines,
        },
        "additionalProperties": False,
        "if": {"required": ["version"]},
        "then": {"allOf": list(_needed())},
        "else": {"required": ["pipelines"], "properties": {"defaults": False}},
        "definitions": {"pipeline": _mapping(PIPELINE)},
    }


def _needed() -> Iterator[Schema]:
    """Return what each pipeline must say where ``defaults`` don't."""
    for key, rules in PIPELINE.items():
        if rules.get("required"):
            yield _unless(key, (), {"required": [key]})
        for inner, nested in rules.get("schema", {}).items():
            if nested.get("required"):
                yield _unless(inner, (key,), {"properties": {key: {"required": [inner]}}})


def _unless(key: str, path: tuple[str, ...], wanted: Schema) -> Schema:
    there: Schema = {"required": [key]}
    for part in (*path[::-1], "defaults"):
        there = {"required": [part], "properties": {part: there}}
    return {"if": there, "else": {"properties": {"pipelines": {"additionalProperties": wanted}}}}


def _described(rules: Rules) -> str:
    text = str(rules["meta"]["help"]).replace("`", "")
    return text[0].upper() + text[1:]


def _mapping(schema: Rules) -> Schema:
    return {
        "type": "object",
        "properties": {name: _value(rules) for name, rules in schema.items()},
        "additionalProperties": False,
    }


def _value(rules: Rules) -> Schema:
    """Return the schema of a key's value: what it may be, or a text in which a variable stands."""
    found: Schema = {}
    if "meta" in rules:
        found["description"] = _described(rules)
    if rules.get("default") not in (None, {}, []):
        found["default"] = rules["default"]
    strict = _strict(rules)
    if rules["type"] in ("dict", "list"):
        return found | strict
    return found | {"anyOf": [strict, _VARIABLE]}


def _strict(rules: Rules) -> Schema:
    kind = _TYPES[rules["type"]]
    # Cerberus takes a key without a value for one that is not there, where it has a default.
    empty = rules.get("nullable") or "default" in rules
    found: Schema = {"type": [kind, "null"] if empty else kind}
    for rule, keyword in (("min", "minimum"), ("max", "maximum"), ("minlength", _LEAST.get(rules["type"]))):
        if rule in rules:
            found[str(keyword)] = rules[rule]
    if "allowed" in rules:
        found["enum"] = [*rules["allowed"], *([None] if empty else ())]
    if rules.get("empty") is False:
        found["minLength"] = 1
    if "check_with" in rules:
        found |= _CHECKS[rules["check_with"]]
    if kind == "array":
        found["items"] = _value(rules["schema"])
    elif "schema" in rules:
        found = _mapping(rules["schema"]) | found
    if "keysrules" in rules:
        found["propertyNames"] = _strict(rules["keysrules"])
    if "valuesrules" in rules:
        found["additionalProperties"] = _strict(rules["valuesrules"])
    return found
