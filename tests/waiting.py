"""Wait for what will be so in a moment: a look now and then, and a limit far beyond the longest that it can take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "what was waited for", longest: float = 60.0) -> T:
    """Return what ``condition`` gives, once that is something.

    Parameters
    ----------
    condition : callable
        Looks.
    what : str
        What is waited for, in words.
    longest : float
        Seconds after which the test has failed.
    """
    deadline = time.monotonic() + longest
    while True:
        began = time.monotonic()
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {longest:.0f} s still not so: {what}")
        # A look takes time from what is waited for: a dear one comes seldom.
        time.sleep(min(max(0.05, 3 * (time.monotonic() - began)), 1.0))
