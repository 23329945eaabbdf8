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
_SPELT = {"True": "true", "False": "false", "None": "null", "nan": "NaN", "inf": "Infinity"}
_OPENING = '{["'


def for_yaml(problem: str) -> str:
    """Return what to do about what PyYAML complains of."""
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
