"""The tables of keys in the reference, from the schema of specs and the table of a config's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from docs.commands import row
from dropforge.configs import words
from dropforge.configs.json_schema import KEYS
from generator.schema import PIPELINE, SPEC

TYPES = {
    "dict": "mapping",
    "string": "text",
    "list": "list of text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
}


def spec() -> str:
    """Return the keys of a spec's top."""
    return _table(SPEC)


def pipeline() -> str:
    """Return the keys of a pipeline, those within others too."""
    return _table(PIPELINE)


def config() -> str:
    """Return the keys of a config's plain form."""
    return _HEAD + "".join(row(f"`{key.name}`", key.type, key.default, key.description) for key in KEYS)


def dialects() -> str:
    """Return the words that are read as well."""
    lists = " or ".join([_code(words.LISTS[:-1]), _code(words.LISTS[-1:])])
    return "| what | words and shapes |\n|---|---|\n" + "".join(
        row(what, text)
        for what, text in (
            ("the class", f"{_code(words.EXPLICIT)}; {_code((*words.HOLDERS, *words.OTHERS, *words.NAMES))}"),
            ("the class in two parts", f"its module under {_code(words.MODULES)}"),
            (
                "its parameters",
                f"{_code(words.PARAMS)}; as a mapping, or as a list of mappings of one key; or beside the class",
            ),
            (
                "the model's name",
                f"{_code(words.NAMES)}, where another key holds the class; or the key that the model stands under",
            ),
            ("a model within a key", f"a mapping under {_code(words.HOLDERS)}"),
            (
                "several models",
                f"a list at the top; a list or named entries under {lists}; named entries at the top; a class as "
                "the key of its parameters; several YAML documents",
            ),
        )
    )


_HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(schema: dict[str, Any]) -> str:
    return _HEAD + "".join(
        row(f"`{key}`", TYPES[rules["type"]], _default(key, rules), rules["meta"]["help"])
        for key, rules in _keys(schema)
    )


def _keys(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, rules in schema.items():
        yield f"{path}{name}", rules
        if rules["type"] == "dict":
            yield from _keys(rules.get("schema", {}), f"{path}{name}.")


def _default(key: str, rules: dict[str, Any]) -> str:
    if rules.get("required"):
        return "required"
    if key == "train.watch":
        return "`configs/<pipeline>`"
    value = rules["default"]
    return f"`{value if value and isinstance(value, str) else json.dumps(value)}`"
