"""Read YAML and JSON as plain values, and remember where each value stood.

Only what JSON can also say is accepted: mappings, lists, text, numbers, booleans and null.
"""

from __future__ import annotations

import codecs
import json
import os
import pathlib
import re
import stat
from collections import Counter
from dataclasses import replace
from typing import Any

import yaml

from dropforge.documents.document import Document, Lines, Path, dotted
from dropforge.documents.hints import for_json
from dropforge.documents.problems import Problem, UserError
from dropforge.documents.yaml12 import (
    KEEP_ONE,
    MAX_DEPTH,
    MAX_VALUES,
    Builder,
    compose,
    stands_twice,
    too_deep,
    too_many,
)

MAX_BYTES = 1024 * 1024


def read_bytes(path: pathlib.Path, name: str | None = None) -> bytes:
    """Return the content of a regular file, up to one byte more than a document may have.

    A pipe or a device is not waited for.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str, optional
        What messages call it.

    Raises
    ------
    UserError
        If it is no file, or cannot be read.
    """
    name = name or str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UserError(Problem("this is no file", "Name a file that ends in .yaml, .yml or .json.", name))
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(Problem("there is no such file", "Check the name and the folder.", name)) from None
    except IsADirectoryError:
        raise UserError(Problem("this is a folder", "Name a file that ends in .yaml, .yml or .json.", name)) from None
    except ValueError:  # a NUL in the name
        raise UserError(Problem("no file can have this name", "Check the name.", name)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", "Check its rights.", name)) from None


def too_large(file: str) -> Problem:
    """Return what is wrong with a document of more than ``MAX_BYTES``."""
    remedy = "A config names estimators and parameters; keep data elsewhere."
    return Problem(f"larger than {MAX_BYTES // 1024} KiB", remedy, file)


def read(path: pathlib.Path, name: str | None = None) -> Document:
    """Read a file of one document.

    Raises
    ------
    UserError
        If it cannot be read, is too large, is not UTF-8, or is not YAML or JSON.
    """
    return parse(read_bytes(path, name), name or str(path))


def parse(content: bytes | str, file: str) -> Document:
    """Parse a file of one document.

    Raises
    ------
    UserError
        With every mistake, each with its line and column.
    """
    documents = parse_all(content, file)
    if len(documents) > 1:
        second = documents[1].problem((), "a second document begins here", "Keep one, without '---'.")
        raise UserError(second)
    if documents[0].problems:
        raise UserError(documents[0].problems)
    return documents[0]


def parse_all(content: bytes | str, file: str) -> list[Document]:
    """Parse the content of a ``.json``, ``.yaml`` or ``.yml`` file; the suffix of ``file`` decides.

    Returns
    -------
    list of Document
        YAML may have several, each with the problems around which it could be read.

    Raises
    ------
    UserError
        If the text cannot be read at all.
    """
    lines = Lines(_decode(content, file) if isinstance(content, bytes) else content)
    documents = _json(lines, file) if file.lower().endswith(".json") else _yaml(lines, file)
    for document in documents:
        _check(document)
    return documents


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise UserError(too_large(file))
    if wide := _wide(content):
        raise UserError(Problem(f"the text is {wide}", "Save it as UTF-8.", file, 1))
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        lines = Lines(content.decode(errors="replace"))
        line, column = lines.at(len(content[: error.start].decode()))
        byte = content[error.start]
        raise UserError(
            Problem(
                f"byte {byte:#04x} is not UTF-8 text{_looks_like(content, byte)}",
                "Save it as UTF-8.",
                file,
                line,
                column,
                source=lines.source(line),
            )
        ) from None


def _wide(content: bytes) -> str:
    """Return the name of an encoding of two or four bytes a character, if it is one."""
    for mark, name in ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"),
                       (b"\xfe\xff", "UTF-16")):  # fmt: skip
        if content.startswith(mark):
            return name
    sample = content[:64]
    halves = (sample[::2], sample[1::2])
    return "UTF-16" if len(sample) > 1 and any(half.count(0) == len(half) for half in halves) else ""


def _looks_like(content: bytes, byte: int) -> str:
    if re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", content):
        return ""
    name, encoding = ("Windows-1252", "cp1252") if re.search(rb"[\x80-\x9f]", content) else ("Latin-1", "latin-1")
    try:
        content.decode(encoding)
        return f": this looks like {name}, where it is '{bytes([byte]).decode(encoding)}'"
    except UnicodeDecodeError:
        return ""


def _yaml(lines: Lines, file: str) -> list[Document]:
    builder = Builder(lines, file)
    nodes = compose(lines, file)
    # '---' at the end begins a document in which nothing stands.
    documents = [builder.document(node) for node in nodes if not (len(nodes) > 1 and _is_nothing(node))]
    if not documents:
        raise UserError(Problem("the file is empty", "Write at least one key.", file, 1))
    return documents


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.value and node.start_mark.index == node.end_mark.index


def _json(lines: Lines, file: str) -> list[Document]:
    twice: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        first: dict[str, Any] = {}
        for key, item in pairs:
            first.setdefault(key, item)
        return first

    try:
        value = json.loads(lines.text, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        if not lines.text.strip():
            raise UserError(Problem("the file is empty", "Write at least one key.", file, 1)) from None
        index, message, remedy = for_json(lines.text, error.pos, error.msg)
        line, column = lines.at(index)
        source = lines.source(line)
        raise UserError(Problem(f"this is not JSON: {message}", remedy, file, line, column, source=source)) from None
    except ValueError:
        raise UserError(Problem("a number has too many digits", "Put it in quotes.", file)) from None
    except RecursionError:
        raise UserError(too_deep(file)) from None
    # JSON is read by JSON's rules; the YAML parser only adds positions (it minds tabs, which JSON allows). The few
    # texts that are JSON and not YAML are read without them.
    try:
        (found,) = _yaml(Lines(lines.text.replace("\t", " ")), file)
        marks, problems = found.marks, found.problems
    except UserError:
        marks, problems = {}, tuple(Problem(stands_twice(key), KEEP_ONE, file) for key in twice)
    return [Document(value, file, marks, lines, problems=problems if twice else ())]


def _check(document: Document) -> None:
    """Hold the limits, and refuse text that no file can hold."""
    left = MAX_VALUES
    waiting: list[tuple[Path, Any]] = [((), document.value)]
    while waiting:
        path, value = waiting.pop()
        left -= 1
        if left < 0:
            raise UserError(too_many(document.file))
        if len(path) > MAX_DEPTH:
            raise UserError(too_deep(document.file))
        for text in (value, path[-1] if path else ""):
            if isinstance(text, str) and _HALF.search(text):
                written = tuple(_HALF.sub("?", part) if isinstance(part, str) else part for part in path)
                problem = document.problem(path, "the text holds half of a character", "Write the character itself.")
                raise UserError(replace(problem, path=dotted(written), value=""))
        if isinstance(value, dict):
            waiting += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), item) for index, item in enumerate(value)]


# A surrogate without its partner: an escape can spell it, and no encoding can write it.
_HALF = re.compile("[\ud800-\udfff]")
