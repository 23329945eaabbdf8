"""A file's value, and where each part of it stands in the file."""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import dataclass, field
from typing import Any

from dropforge.documents.problems import Problem

Path = tuple[str | int, ...]

_BREAK = re.compile("\r\n|\n|\r")
_LONGEST_VALUE = 80
_LONGEST_SOURCE = 2000


class Lines:
    """The lines of a text, as an editor counts them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _BREAK.finditer(text))]

    def at(self, index: int) -> tuple[int, int]:
        """Return the line and column (from 1) of a character."""
        line = bisect.bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def source(self, line: int) -> str:
        """Return the text of a line."""
        if not 0 < line <= len(self.starts):
            return ""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return self.text[self.starts[line - 1] : min(end, self.starts[line - 1] + _LONGEST_SOURCE)].rstrip("\r\n")


@dataclass(frozen=True)
class Document:
    """A file's value, with the position of each part of it.

    Parameters
    ----------
    value : Any
        Plain Python values, as they were written.
    file : str
        The name that messages use.
    marks : dict
        Line and column (from 1) of each path.
    lines : Lines
        The file's text.
    origins : dict
        Where the user wrote what stands at a path, for paths of another shape than the file's.
    problems : tuple of Problem
        Mistakes around which the file could be read.
    """

    value: Any
    file: str
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    lines: Lines = field(default_factory=lambda: Lines(""), repr=False, compare=False)
    origins: dict[Path, Path] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def written(self, path: Path) -> Path:
        """Return the path at which the user wrote what stands at ``path``."""
        for length in range(len(path), -1, -1):
            origin = self.origins.get(path[:length])
            if origin is not None:
                return origin + path[length:]
        return path

    def problem(self, path: Path, message: str, remedy: str = "") -> Problem:
        """Return a problem at ``path``, or at its nearest parent that stands in the file."""
        known = written = self.written(path)
        while known and known not in self.marks:
            known = known[:-1]
        line, column = self.marks.get(known, (None, None))
        source = self.lines.source(line) if line else ""
        return Problem(message, remedy, self.file, line, column, dotted(written), source, self._value(written))

    def _value(self, path: Path) -> str:
        value = self.value
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return ""
        return shown(value)


def dotted(path: Path) -> str:
    """Return ``models[0].params`` for ``("models", 0, "params")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: Any) -> str:
    """Return a value in short, as JSON."""
    size = 0
    parts = []
    # An encoder that yields: a long value is not written out to be cut.
    for part in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        parts.append(part[: _LONGEST_VALUE + 1])
        size += len(part)
        if size > _LONGEST_VALUE:
            return "".join(parts)[: _LONGEST_VALUE - 3] + "..."
    return "".join(parts)
