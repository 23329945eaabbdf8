"""The parts of the pages that are made from the code: between two comments, and never edited by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from docs import commands, keys

FOLDER = Path(__file__).parent
PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands.reference,
    "spec": keys.spec,
    "pipeline": keys.pipeline,
    "config": keys.config,
    "dialects": keys.dialects,
}

_PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- /made -->)", re.DOTALL)


def made(page: str) -> str:
    """Return the text of a page with all its parts made anew."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", page)


def pages() -> dict[Path, str]:
    """Return the pages that have parts, as they should be."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.md"))}
    return {path: made(text) for path, text in texts.items() if _PART.search(text)}
