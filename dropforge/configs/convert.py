"""Any dialect in the plain form."""

from __future__ import annotations

from typing import Any

from dropforge.configs.candidates import mistakes, models
from dropforge.configs.normal import normal
from dropforge.configs.reading import known
from dropforge.documents import Problem, parse_all

# The limit is the spec's to set, and none is asked for here: this is only where it gets silly.
MAX_GRID = 10_000


def convert(content: bytes, file: str) -> list[dict[str, Any]]:
    """Return the models of a config in the plain form, whether or not the spec allows them.

    Parameters
    ----------
    content : bytes
        The file's content.
    file : str
        Its name; the suffix says whether it is JSON or YAML.

    Raises
    ------
    UserError
        If it cannot be read, or is ambiguous.
    """
    found: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for document, reading in models(parse_all(content, file), problems, MAX_GRID):
        value, shaped = normal(reading, document)
        if not isinstance(reading.cls.value, str) and not reading.problems:
            problems.append(shaped.problem(("class",), "there is no class path", "Write e.g. class: SVC"))
        said = (("name", reading.name), ("force", reading.force))
        found.append({**_full(value), **{key: part.value for key, part in said if part}})
    if problems:
        raise mistakes(problems)
    return found


def plain_form(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return models as a config in the plain form."""
    return found[0] if len(found) == 1 else {"models": found}


def _full(value: Any) -> Any:
    """Return a value in which each class has its full path."""
    if isinstance(value, dict):
        entry = known(value.get("class"))
        return {key: entry.path if entry and key == "class" else _full(item) for key, item in value.items()}
    return [_full(item) for item in value] if isinstance(value, list) else value
