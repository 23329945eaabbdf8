"""What to do about a text that is not YAML or JSON: the parsers say what they stumbled over, and not how to mend it."""

from __future__ import annotations

import re

CORRECT = "Correct the text there."

# A part of what PyYAML says, and what to do; the first that fits counts.
_YAML = (
    (r"found character '\\t' that cannot start any token", "Use spaces."),
    (r"that cannot start any token", "Put the text in quotes."),
    (r"expected ',' or", "Close the bracket before it, or put a comma there."),
    (r"expected the node content, but found '<stream end>'", "Close the bracket, or write the value."),
    (r"mapping values are not allowed here", "Indent it like its neighbours, or put the text in quotes."),
    (r"expected <block end>", "Indent it like its neighbours."),
    (r"could not find expected ':'", "Write 'key: value'."),
    (r"found unexpected end of stream", "Close the quotes."),
    (r"found undefined alias '(?P<name>.*)'", "Define it above with '&{name}', or put it in quotes."),
)
# `C:2` is one word in YAML.
_STUCK = re.compile(r"^\s*(?:- +)?(?P<key>[A-Za-z_]\w*):(?P<value>[^\s:/]\S*)\s*$")
_SPELT = {"True": "true", "False": "false", "None": "null", "nan": "NaN", "inf": "Infinity"}
_OPENING = '{["'


def stuck(text: str) -> str:
    """Return how to write a ``key:value`` that lacks the space, or an empty string."""
    found = _STUCK.match(text)
    return f"Write a space after the colon: '{found['key']}: {found['value']}'." if found else ""


def for_yaml(problem: str, before: str = "") -> str:
    """Return what to do about what PyYAML complains of.

    Parameters
    ----------
    problem : str
        What it says.
    before : str
        The lines before the one where it stopped.
    """
    if problem.startswith("mapping values are not allowed here"):  # a line above was read as text, and goes on here
        above = next((line for line in reversed(before.splitlines()) if line.strip()), "")
        if remedy := stuck(above):
            return f"Look at the line above. {remedy}"
    for pattern, remedy in _YAML:
        if found := re.search(pattern, problem):
            return remedy.format(**found.groupdict())
    return CORRECT


def for_json(text: str, index: int, problem: str) -> tuple[int, str, str]:
    """Return the place, the problem and what to do about a text that is not JSON.

    Parameters
    ----------
    text : str
        The whole text.
    index : int
        Where the parser stopped.
    problem : str
        What it says.
    """
    before = text[:index].rstrip()
    comma = index if text[index : index + 1] == "," else len(before) - 1
    after = text[comma + 1 :].lstrip()[:1]
    if text[comma : comma + 1] == "," and after and after in "}]":
        return comma, f"a comma stands before '{after}'", "Remove the comma."
    rest = text[index : index + 20]
    word = re.match(r"\w*", rest)
    if rest.startswith(("//", "/*", "#")):
        remedy = "JSON has no comments: remove it, or name the file .yaml."
    elif rest.startswith("'"):
        remedy = "JSON wants double quotes."
    elif word and word[0] in _SPELT:
        remedy = f"JSON spells it {_SPELT[word[0]]}."
    elif not before and rest[:1] not in _OPENING:
        remedy = "If it is YAML, name the file .yaml."
    elif "',' delimiter" in problem:
        remedy = "Put a comma before it." if rest else "Close the bracket."
    else:
        remedy = CORRECT
    return index, problem, remedy
