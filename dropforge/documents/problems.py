"""The one error type for a user's mistake: what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


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
    """

    message: str
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str = ""

    def __str__(self) -> str:
        position = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        where = ": ".join(part for part in (position, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n    {self.remedy}" if self.remedy else text


class UserError(Exception):
    """One or more mistakes of a user; shown as messages, never as a traceback."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        return (UserError, (self.problems,))

    def in_file(self, file: str) -> UserError:
        """Return the same error with ``file`` named where no file is named yet."""
        return UserError(replace(p, file=p.file or file) for p in self.problems)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ``Did you mean 'x'?`` for the closest known word, or an empty string."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"Did you mean '{lowered[close[0]]}'?" if close else ""
