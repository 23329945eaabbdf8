"""The one error type for a user's mistake: what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from dropforge.documents.caret import caret, printable

# By how much a word may be closer than a likelier one.
_HARDLY = 0.1
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a user.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    remedy : str
        What to do about it, in one sentence.
    file : str, optional
        The file it stands in, as the user would name it.
    line, column : int, optional
        Position in the file, counted from 1.
    path : str
        Where in the document: ``pipelines.wine.promote.metric``.
    source : str
        The text of that line.
    value : str
        The value that stands there, in short.
    """

    message: str
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str = ""
    source: str = ""
    value: str = ""

    def __str__(self) -> str:
        return self.shown()

    def shown(self, columns: int | None = None) -> str:
        """Return the mistake with its place and its line.

        Parameters
        ----------
        columns : int, optional
            How many the terminal has.
        """
        position = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        where = ": ".join(printable(part) for part in (position, self.path) if part)
        text = f"{where}: {_shown(self.message)}" if where else _shown(self.message)
        room = None if columns is None else columns - len(_INDENT)
        place = caret(self.source, self.line, self.column or 1, room) if self.source.strip() and self.line else ""
        below = "\n".join(part for part in (place, _shown(self.remedy)) if part)
        return f"{text}\n{textwrap.indent(below, _INDENT)}" if below else text


class ExplainedError(Exception):
    """What went wrong, and what a user can do about it; shown as messages, never as a traceback."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UserError(ExplainedError):
    """One or more mistakes of a user."""

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        return (UserError, (self.problems,))

    def in_file(self, file: str) -> UserError:
        """Return the same error with ``file`` named where no file is named yet."""
        return UserError(replace(p, file=p.file or file) for p in self.problems)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return ``Did you mean 'x'?`` for the closest known word, or an empty string."""
    close = closest(word, known)
    return f"Did you mean '{close}'?" if close else ""


def closest(word: str, known: Collection[str], likely: Collection[str] = ()) -> str:
    """Return the closest known word, or an empty string.

    Parameters
    ----------
    word : str
        What was written.
    known : collection of str
        What could have been.
    likely : collection of str
        Those that win where another one is hardly closer.
    """
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=5 if likely else 1, cutoff=0.6)
    if len(close) > 1:
        matcher = difflib.SequenceMatcher(b=word.lower())
        ratios = {}
        for other in close:
            matcher.set_seq1(other)
            ratios[other] = matcher.ratio()
        rivals = (o for o in close if lowered[o] in likely and ratios[o] >= ratios[close[0]] - _HARDLY)
        close = [next(rivals, close[0])]
    return lowered[close[0]] if close else ""


def _shown(text: str) -> str:
    """Return a text of several lines without what a terminal would obey."""
    return "\n".join(printable(line) for line in text.split("\n"))
