"""Values of the environment in the spec: ``${NAME}`` and ``${NAME:-default}``, resolved when the spec is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dropforge.documents import Document, Path, Problem, UserError, dotted, parse
from generator.schema import PIPELINE, inner

MARK = "${"
_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<has>:-)(?P<default>[^}]*))?\})?")
_SECRET = re.compile(r"(^|_)(PASSWORD|PASSWD|PASS|PWD|SECRETS?|TOKEN|KEY|APIKEY|CREDENTIALS?|PRIVATE)(_|$)", re.I)
_LOGIN = re.compile(r"://[^/\s@]*:[^/\s@]*@")


@dataclass(frozen=True)
class Variable:
    """A variable whose value the settings hold, and where in the spec it is named."""

    name: str
    place: str


@dataclass(frozen=True)
class Resolved:
    """A document whose values are resolved, the variables that it took, and the mistakes."""

    document: Document
    variables: tuple[Variable, ...]
    problems: tuple[Problem, ...]


def resolve(document: Document, environment: Mapping[str, str]) -> Resolved:
    """Resolve the variables in a spec's ``defaults`` and ``pipelines``.

    Only whole texts and parts of texts are looked at, never a key. Where a key wants a number, or true or false, the
    text that results is read as one. ``$${`` stands for ``${``.

    Parameters
    ----------
    document : Document
        The spec as it was read.
    environment : Mapping
        The variables.
    """
    resolver = _Resolver(document, environment)
    value = document.value
    if isinstance(value, dict):
        value = {
            key: resolver.value(item, (key,)) if key in ("defaults", "pipelines") else item
            for key, item in value.items()
        }
    return Resolved(replace(document, value=value), tuple(resolver.variables), tuple(resolver.problems))


class _Resolver:
    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self.document, self.environment = document, environment
        self.variables: list[Variable] = []
        self.problems: list[Problem] = []

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and MARK in value:
            text = _REFERENCE.sub(lambda match: self.replaced(match, path), value)
            return text if text == value or not _wants_other_than_text(path) else _scalar(text)
        return value

    def replaced(self, match: re.Match[str], path: Path) -> str:
        if match[0] == "$${":
            return MARK
        name = match["name"]
        if not name:
            self.complain(path, "'${' begins a variable, and there is none",
                          "Write ${NAME} or ${NAME:-default}; for the text itself, $${.")  # fmt: skip
            return match[0]
        # As in a shell, an empty variable takes the default.
        found = self.environment.get(name) or (match["default"] if match["has"] else self.environment.get(name))
        if found is None:
            self.complain(path, f"the environment variable {name} is not set",
                          f"Set it, or write a default: ${{{name}:-value}}.")  # fmt: skip
            return match[0]
        if _SECRET.search(name) or _LOGIN.search(found):
            self.complain(path, f"the value of {name} looks like a secret, and would stand in dags_generated",
                          "Keep it in the environment of the process that needs it, not in the spec.")  # fmt: skip
            return match[0]
        self.variables.append(Variable(name, dotted(path)))
        return found

    def complain(self, path: Path, message: str, remedy: str) -> None:
        self.problems.append(self.document.problem(path, message, remedy))


def _wants_other_than_text(path: Path) -> bool:
    """Return whether the key at a path takes a number, or true or false, and no text."""
    rules: dict[str, Any] = {"schema": PIPELINE}
    for part in path[2:] if path[0] == "pipelines" else path[1:]:
        rules = inner(rules, part)
    kinds = rules.get("type", "string")
    return not {"string", "dict", "list"} & {*([kinds] if isinstance(kinds, str) else kinds)}


def _scalar(text: str) -> Any:
    """Return the number, true or false that a text spells; else the text."""
    try:
        value = parse(text, "value.yaml").value
    except UserError:
        return text
    return value if isinstance(value, bool | int | float) else text
