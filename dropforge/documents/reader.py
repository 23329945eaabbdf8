"""Read YAML and JSON as plain values, and remember where each value stood.

Only what JSON can also say is accepted: mappings, lists, text, numbers, booleans and null. YAML tags are
refused, dates stay text, and ``1e-3`` is a number as in YAML 1.2.
"""

from __future__ import annotations

import json
import pathlib
import re
from dataclasses import dataclass, field
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
    if file.lower().endswith(".json"):
        value = _json(text, file)
        # JSON is read by JSON's rules; the YAML parser only adds positions (it minds tabs, which JSON allows).
        return Document(value, file, _positions(text.replace("\t", " "), file))
    marks: dict[Path, tuple[int, int]] = {}
    return Document(_yaml(text, file, marks), file, marks)


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


def _json(text: str, file: str) -> Any:
    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise UserError(Problem(f"the key '{twice}' stands twice", "Keep one of the two.", file))
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=no_duplicates)
    except json.JSONDecodeError as error:
        raise UserError(
            Problem(f"this is not JSON: {error.msg}", "Correct the text there.", file, error.lineno, error.colno)
        ) from None
    except RecursionError:
        raise UserError(_too_deep(file)) from None


def _positions(text: str, file: str) -> dict[Path, tuple[int, int]]:
    marks: dict[Path, tuple[int, int]] = {}
    try:
        _yaml(text, file, marks)
    except UserError as error:
        # The few texts that are JSON and not YAML are read without positions; our own limits hold for both.
        if any(_is_limit(problem) for problem in error.problems):
            raise
    return marks


def _yaml(text: str, file: str, marks: dict[Path, tuple[int, int]]) -> Any:
    loader = _Loader(text)
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
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(
            Problem(f"the character {error.character!r} is not allowed", "Remove it.", file, line)
        ) from None
    except RecursionError:
        raise UserError(_too_deep(file)) from None
    finally:
        loader.dispose()


class _Builder:
    """Plain values from YAML nodes, within limits."""

    def __init__(self, loader: _Loader, file: str, marks: dict[Path, tuple[int, int]]) -> None:
        self.loader, self.file, self.marks = loader, file, marks
        self.left = MAX_VALUES

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.left -= 1
        if self.left < 0:
            raise UserError(Problem(f"more than {MAX_VALUES:,} values", _LIMIT, self.file))
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
        except ValueError:
            raise self._error(node, f"{node.value!r} cannot be read as a value", "Put it in quotes.") from None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise self._error(key, f"the key '{key.value}' stands twice", "Keep one of the two.")
            if isinstance(key.value, str):
                seen.add(key.value)
        self.loader.flatten_mapping(node)
        value = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, "a key must be text", "Put the key in quotes.")
            self.marks[(*path, key.value)] = _position(key)
            value[key.value] = self.build(item, (*path, key.value))
        return value

    def _error(self, node: yaml.Node, message: str, remedy: str) -> UserError:
        return UserError(Problem(message, remedy, self.file, *_position(node)))


_LIMIT = "Split it into smaller files, and write aliases out."


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _too_deep(file: str) -> Problem:
    return Problem(f"nested deeper than {MAX_DEPTH} levels", _LIMIT, file)


def _is_limit(problem: Problem) -> bool:
    return problem.remedy == _LIMIT
