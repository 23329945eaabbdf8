"""A bar on long work. Only a terminal sees one: not a pipe, not a file, and nobody who asked for JSON."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from dropforge.cli.common import out

Result = TypeVar("Result")


@contextlib.contextmanager
def bar(what: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Show how far a work is, and take the bar away at its end.

    Parameters
    ----------
    what : str
        What is done, in a word.
    total : int
        How many steps there are.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        Takes how many steps are done.
    """
    if quiet or not sys.stdout.isatty() or out.is_dumb_terminal:
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn by whoever works: a thread of its own would not survive the fork of a training process.
    drawn = Progress(
        *columns, console=out, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    )
    with drawn:
        task = drawn.add_task(what, total=total)
        drawn.refresh()

        def at(done: int) -> None:
            drawn.update(task, completed=done, refresh=True)

        yield at


@contextlib.contextmanager
def progress(what: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[Result], Result]]:
    """Show a bar over steps of one kind; one step alone needs none.

    Yields
    ------
    callable
        Counts a step as done, and hands on its result.
    """
    count = 0
    with bar(what, total, quiet=quiet or total < 2) as at:  # noqa: PLR2004 - see above

        def done(result: Result) -> Result:
            nonlocal count
            count += 1
            at(count)
            return result

        yield done
