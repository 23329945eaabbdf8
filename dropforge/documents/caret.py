"""Show a line of a file, and under it a caret: the one way in which a mistake's place is shown."""

from __future__ import annotations

import re

from rich.cells import cell_len

WIDTH = 100
_BEFORE = 60
_WORD = re.compile(r""" "(?:[^"\\]|\\.)*" | '[^']*' | [^\s,:\[\]{}"']+ """, re.VERBOSE)


def caret(source: str, line: int, column: int) -> str:
    """Return a source line with its number, and a caret under the word at ``column``.

    Parameters
    ----------
    source : str
        The line. A long one is cut around the place.
    line, column : int
        Counted from 1.
    """
    column = min(column, len(source) + 1)
    found = _WORD.match(source, column - 1)
    end = found.end() if found else column
    start = max(0, column - 1 - _BEFORE) if len(source) > WIDTH else 0
    shown, after = source[start : start + WIDTH], len(source) > start + WIDTH
    before = ("… " if start else "") + shown[: column - 1 - start]
    word = shown[column - 1 - start : end - start]
    text = ("… " if start else "") + shown + (" …" if after else "")
    number = str(line)
    gutter = " " * len(number)
    return f"{number} | {printable(text).rstrip()}\n{gutter} | {' ' * _cells(before)}{'^' * max(1, _cells(word))}"


def printable(text: str) -> str:
    """Return the text without what a terminal would obey: each such character becomes one that shows it is there."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return cell_len(printable(text))
