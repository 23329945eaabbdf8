"""The pictures of mistakes in the guide are what `dropforge check` prints."""

from __future__ import annotations

import html
import re

import pytest

from docs.pictures import CONFIGS, IMAGES, TEXT, drawn, printed

GUIDE = (IMAGES.parent / "guide.md").read_text(encoding="utf-8")


def read(svg: str) -> list[str]:
    """Return the lines of text in a picture."""
    lines: dict[float, str] = {}
    for attributes, text in re.findall(r"<text ([^>]*)>(.*?)</text>", svg):
        if "clip-path" in attributes:
            y = float(re.findall(r' y="([\d.]+)"', attributes)[0])
            lines[y] = lines.get(y, "") + html.unescape(text).replace("\xa0", " ")
    return [lines[y].rstrip() for y in sorted(lines)]


@pytest.mark.parametrize("name", CONFIGS)
def test_picture_is_what_the_terminal_shows(name: str) -> None:
    text = printed(CONFIGS[name])
    svg = (IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    assert read(svg) == read(drawn(text, name)), "draw them anew: make docs"
    assert " ".join(" ".join(read(svg)).split()) == " ".join(text.split())
    assert f"](images/{name}.svg)" in GUIDE
    # A page shows it without asking anybody else for anything.
    assert not re.search(r"url\(['\"]?\w+:|href=", html.unescape(svg))


def test_text_in_the_guide_is_what_the_terminal_shows() -> None:
    shown = [block for block in re.findall(r"^```console\n(.*?)^```$", GUIDE, re.M | re.S) if ": 1 mistake\n" in block]
    assert shown == [printed(TEXT)]
