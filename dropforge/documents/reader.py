"""Read YAML and JSON as plain values, and remember where each value stood.

Only what JSON can also say is accepted: mappings, lists, text, numbers, booleans and null. YAML tags are
refused, dates stay text, and ``1e-3`` is a number as in YAML 1.2.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from dropforge.documents.problems import Problem, UserError

Path = tuple[str | int, ...]

MAX_BYTES = 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 64

_CORE = "tag:yaml.org,2002:"
_SCALARS = {f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "merge")}


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates, and with the floats of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_CORE}timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{_CORE}float", re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Document:
    """A file's value, with the position of each part of it.

    Parameters
    ----------
    value : Any
        Plain Python values.
    file : str
        The name that messages use.
    marks : dict
        Line and column (from 1) of each path.
    """

    value: Any
    file: str
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def problem(self, path: Path, message: str, remedy: str = "") -> Problem:
        """Return a problem at ``path``, or at its nearest parent that stands in the file."""
        known = path
        while known and known not in self.marks:
            known = known[:-1]
        line, column = self.marks.get(known, (None, None))
        return Problem(message, remedy, self.file, line, column, dotted(path))


def dotted(path: Path) -> str:
    """Return ``models[0].params`` for ``("models", 0, "params")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read(path: pathlib.Path, name: str | None = None) -> Document:
    """Read a file.

    Raises
    ------
    UserError
        If it cannot be read, is too large, is not UTF-8, or is not YAML or JSON.
    """
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(Problem("there is no such file", "Check the name and the folder.", name)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", "Check its rights.", name)) from None
    return parse(content, name)


def parse(content: bytes | str, file: str) -> Document:
    """Parse the content of a ``.json``, ``.yaml`` or ``.yml`` file; the suffix of ``file`` decides.

    Raises
    ------
    UserError
        With the line and column at which reading stopped.
    """
    text = _decode(content, file) if isinstance(content, bytes) else content
    marks: dict[Path, tuple[int, int]] = {}
    value = (_json if file.lower().endswith(".json") else _yaml)(text, file, marks)
    document = Document(value, file, marks)
    _check(document)
    return document


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise UserError(
            Problem(
                f"larger than {MAX_BYTES // 1024} KiB",
                "A config names estimators and parameters; keep data elsewhere.",
                file,
            )
        )
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(Problem("the text is UTF-16", "Save it as UTF-8.", file, 1))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            Problem(f"byte {content[error.start]:#04x} is not UTF-8 text", "Save it as UTF-8.", file, line)
        ) from None


def _json(text: str, file: str, marks: dict[Path, tuple[int, int]]) -> Any:
    twice: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        raise UserError(
            Problem(f"this is not JSON: {error.msg}", "Correct the text there.", file, error.lineno, error.colno)
        ) from None
    except ValueError:
        raise UserError(Problem("a number has too many digits", "Put it in quotes.", file)) from None
    except RecursionError:
        raise UserError(_too_deep(file)) from None
    problem = Problem(_stands_twice(twice[0]), _KEEP_ONE, file) if twice else None
    # JSON is read by JSON's rules; the YAML parser only adds positions (it minds tabs, which JSON allows). The few
    # texts that are JSON and not YAML are read without them.
    try:
        _yaml(text.replace("\t", " "), file, marks)
    except UserError as error:
        problem = next((p for p in error.problems if twice and p.message == _stands_twice(twice[0])), problem)
    if problem:
        raise UserError(problem)
    return value


def _yaml(text: str, file: str, marks: dict[Path, tuple[int, int]]) -> Any:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(
            Problem(f"the character U+{error.character:04X} is not allowed", "Remove it.", file, line)
        ) from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise UserError(Problem("the file is empty", "Write at least one key.", file, 1))
        return _Builder(loader, file, marks).build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise UserError(
            Problem(f"this is not YAML: {error.problem}", "Correct the text there.", file, *position)
        ) from None
    except ValueError as error:  # an escape beyond Unicode, a version of YAML with too many digits
        mark = loader.get_mark()
        raise UserError(
            Problem(f"this is not YAML: {error}", "Correct the text there.", file, mark.line + 1, mark.column + 1)
        ) from None
    except RecursionError:
        raise UserError(_too_deep(file)) from None


def _check(document: Document) -> None:
    """Hold the limits, and refuse text that no file can hold."""
    left = MAX_VALUES
    waiting: list[tuple[Path, Any]] = [((), document.value)]
    while waiting:
        path, value = waiting.pop()
        left -= 1
        if left < 0:
            raise UserError(_too_many(document.file))
        if len(path) > MAX_DEPTH:
            raise UserError(_too_deep(document.file))
        for text in (value, path[-1] if path else ""):
            if isinstance(text, str) and _HALF.search(text):
                shown = tuple(_HALF.sub("?", part) if isinstance(part, str) else part for part in path)
                problem = document.problem(path, "the text holds half of a character", "Write the character itself.")
                raise UserError(replace(problem, path=dotted(shown)))
        if isinstance(value, dict):
            waiting += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), item) for index, item in enumerate(value)]


# A surrogate without its partner: an escape can spell it, and no encoding can write it.
_HALF = re.compile("[\ud800-\udfff]")


class _Builder:
    """Plain values from YAML nodes, within limits."""

    def __init__(self, loader: _Loader, file: str, marks: dict[Path, tuple[int, int]]) -> None:
        self.loader, self.file, self.marks = loader, file, marks
        self.left = MAX_VALUES

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.left -= 1
        if self.left < 0:
            raise UserError(_too_many(self.file))
        if len(path) > MAX_DEPTH:
            raise UserError(_too_deep(self.file))
        self.marks.setdefault(path, _position(node))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_CORE}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_CORE}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node)
        raise self._error(node, f"the tag {node.tag} is not allowed", "Write plain values without '!'.")

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.loader.construct_object(node)
        except (ValueError, KeyError, IndexError):  # `!!bool x`, `!!int ''`
            raise self._error(node, f"{node.value!r} cannot be read as a value", "Put it in quotes.") from None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        value = {}
        for name, (key, item) in self._items(node).items():
            self.marks[(*path, name)] = _position(key)
            value[name] = self.build(item, (*path, name))
        return value

    def _items(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return what a mapping holds: what `<<` brings, and over it the mapping's own."""
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, item in node.value:
            self.left -= 1
            if self.left < 0:  # merges of merges grow without a value being built
                raise UserError(_too_many(self.file))
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, "a key must be text", "Put the key in quotes.")
            if key.value in own:
                raise self._error(key, _stands_twice(key.value), _KEEP_ONE)
            if key.tag != f"{_CORE}merge":
                own[key.value] = (key, item)
                continue
            for source in item.value if isinstance(item, yaml.SequenceNode) else [item]:
                if not isinstance(source, yaml.MappingNode):
                    raise self._error(source, "'<<' merges mappings only", "Name a mapping, or put '<<' in quotes.")
                merged = {**self._items(source), **merged}
        return {**merged, **own}

    def _error(self, node: yaml.Node, message: str, remedy: str) -> UserError:
        return UserError(Problem(message, remedy, self.file, *_position(node)))


_LIMIT = "Split it into smaller files, and write aliases out."
_KEEP_ONE = "Keep one of the two."


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _stands_twice(key: str) -> str:
    return f"the key '{key}' stands twice"


def _too_deep(file: str) -> Problem:
    return Problem(f"nested deeper than {MAX_DEPTH} levels", _LIMIT, file)


def _too_many(file: str) -> Problem:
    return Problem(f"more than {MAX_VALUES:,} values", _LIMIT, file)
