"""Text that people read as Markdown."""

from __future__ import annotations

import re


def code(text: str) -> str:
    """Return ``text`` as Markdown's code, on one line, whatever backticks it holds."""
    line = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if "`" in line else ""
    return f"{fence}{pad}{line}{pad}{fence}"
