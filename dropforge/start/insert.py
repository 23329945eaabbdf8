"""Insert a pipeline into the text of a spec, so that comments, order and style of what is there stay."""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml

from dropforge.documents.document import Lines
from dropforge.documents.yaml12 import compose

_BREAK = re.compile("\r\n|\n|\r")
_INDENTED_COMMENT = re.compile(r"[ \t]+#")


def inserted(text: str, entry: Callable[[str], str]) -> str | None:
    """Return a spec's text with one pipeline more, below the others.

    Parameters
    ----------
    text : str
        The text, which is a spec without mistakes.
    entry : callable
        Takes the indentation of a pipeline's name, and returns the lines to insert.

    Returns
    -------
    str or None
        None where the text has another shape than lines below ``pipelines:``. Read the result before you trust it.
    """
    marks = Lines(text)
    (root, *_) = compose(marks, "pipelines.yaml")
    block = _value(root, "pipelines")
    if not isinstance(block, yaml.MappingNode) or block.flow_style or not block.value:
        return None
    column = marks.at(block.value[0][0].start_mark.index)[1] - 1
    if column == 0:
        return None
    lines = _BREAK.split(text)
    last = end = _last_line(block, marks)
    while not lines[last - 1].strip():
        last = end = last - 1
    # Indented comments belong to what stands above them; empty lines before the next key don't.
    while end < len(lines) and (not lines[end].strip() or _INDENTED_COMMENT.match(lines[end])):
        end += 1
        last = end if lines[end - 1].strip() else last
    new = entry(" " * column).rstrip("\n").split("\n")
    found = _BREAK.search(text)
    return (found[0] if found else "\n").join([*lines[:last], "", *new, *(lines[last:] or [""])])


def _value(root: yaml.Node, name: str) -> yaml.Node | None:
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _last_line(node: yaml.Node, marks: Lines) -> int:
    """Return the number of the last line that a node stands on, or of an empty one after it."""
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        # An alias has the marks of what it stands for.
        return max(_last_line(part, marks) for part in (last if isinstance(last, tuple) else (last,)))
    line, column = marks.at(node.end_mark.index)
    return line - 1 if column == 1 else line
