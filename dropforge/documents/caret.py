"""Show a line of a file, and under it a caret: the one way in which a mistake's place is shown."""

from __future__ import annotations

import re

from rich.cells import cell_len

WIDTH = 100
_NARROWEST = 20
_WORD = re.compile(r""" "(?:[^"\\]|\\.)*" | '[^']*' | [^\s,:\[\]{}"']+ """, re.VERBOSE)


def caret(source: str, line: int, column: int, columns: int | None = None) -> str:
    """Return a source line with its number, and a caret under the word at ``column``.

    Parameters
    ----------
    source : str
        The line. A long one is cut around the place.
    line, column : int
        Counted from 1.
    columns : int, optional
        How many a terminal has: where it wraps the lines, the caret stands under something else.
    """
    number, at = str(line), min(column - 1, len(source))
    room = WIDTH if columns is None else max(_NARROWEST, min(WIDTH, columns - len(f"{number} | …  …")))
    found = _WORD.match(source, at)
    end = found.end() if found else at + 1
    start, stop = _around(source, at, room)
    before = ("… " if start else "") + source[start:at]
    text = ("… " if start else "") + source[start:stop] + (" …" if stop < len(source) else "")
    word = source[at : min(end, stop)]
    gutter = " " * len(number)
    return f"{number} | {printable(text).rstrip()}\n{gutter} | {' ' * _cells(before)}{'^' * max(1, _cells(word))}"


def _around(source: str, at: int, room: int) -> tuple[int, int]:
    """Return where to cut a line, so that there is room for what is left: most of it before the place."""
    if len(source) <= room and _cells(source) <= room:
        return 0, len(source)
    most = room * 3 // 5
    before = source[max(0, at - most) : at]
    while _cells(before) > most:
        before = before[1:]
    start = at - len(before)
    shown = source[start : start + room]
    while _cells(shown) > room:
        shown = shown[:-1]
    return start, start + len(shown)


def printable(text: str) -> str:
    """Return the text without what a terminal would obey: each such character becomes one that shows it is there."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return cell_len(printable(text))
