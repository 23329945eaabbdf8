"""YAML as plain values: the types of YAML 1.2's core schema, no tags beside them, within limits.

What YAML 1.1 reads differently is read as people mean it: ``yes`` and ``on`` are text, ``12:30`` is text, ``010`` is
ten, ``1e-3`` is a number, and dates stay text. ``<<`` merges mappings, as in YAML 1.1.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml
from yaml.composer import Composer

from dropforge.documents.document import Document, Lines, Path, dotted
from dropforge.documents.hints import CORRECT, for_yaml
from dropforge.documents.problems import Problem, UserError

MAX_VALUES = 100_000
MAX_DEPTH = 64

CORE = "tag:yaml.org,2002:"
LIMIT = "Split it into smaller files, and write aliases out."
KEEP_ONE = "Keep one of the two."
# Beyond this, a mistake is not worth the slow parser's better words.
_SMALL = 64 * 1024

_INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
_PLAIN = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
)
_SCALARS = {f"{CORE}{name}" for name in ("str", "int", "float", "bool", "null", "merge")}


def add_core_schema(resolver: type[yaml.resolver.BaseResolver]) -> None:
    """Give a loader or dumper the types that a plain scalar may have."""
    for name, pattern, first in _PLAIN:
        resolver.add_implicit_resolver(f"{CORE}{name}", re.compile(f"^(?:{pattern})$"), first)


class _Limited(Composer):
    """A composer that gives up in time, whatever it is fed."""

    left, depth = MAX_VALUES, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.left -= 1
        self.depth += 1
        # A key counts as well as its value.
        if self.left < -MAX_VALUES:
            raise _TooMany
        if self.depth > 2 * MAX_DEPTH:
            raise _TooDeep
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Resolver(yaml.resolver.BaseResolver):
    pass


add_core_schema(_Resolver)


class _Slow(_Limited, yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, _Resolver):
    """PyYAML's own parser: it says best what is wrong."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)


if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _Fast(_Limited, CParser, _Resolver):
        """libyaml's parser: ten times as fast."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            _Resolver.__init__(self)

else:
    _Fast = _Slow  # type: ignore[assignment,misc]


class _TooMany(Exception):
    pass


class _TooDeep(Exception):
    pass


def compose(lines: Lines, file: str) -> list[yaml.Node]:
    """Return the root of each document in a text.

    Raises
    ------
    UserError
        If it is not YAML, or too large.
    """
    if found := yaml.reader.Reader.NON_PRINTABLE.search(lines.text):
        problem = f"the character U+{ord(found[0]):04X} is not allowed"
        raise _error(lines, file, found.start(), problem, "Remove it.")
    try:
        try:
            return _nodes(_Fast(lines.text))
        except (yaml.YAMLError, ValueError):
            if len(lines.text) > _SMALL:
                raise
            slow = _Slow(lines.text)
            try:
                return _nodes(slow)
            except ValueError as error:  # an escape beyond Unicode, a version of YAML with too many digits
                index = slow.get_mark().index
                raise _error(lines, file, index, f"this is not YAML: {error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.problem == "exceeded maximum nesting depth":
            raise UserError(too_deep(file)) from None
        problem, index = str(error.problem), mark.index if mark else 0
        remedy = for_yaml(problem, lines.text[: lines.text.rfind("\n", 0, index) + 1][-_SMALL:])
        raise _error(lines, file, index, f"this is not YAML: {problem}", remedy) from None
    except (yaml.YAMLError, ValueError) as error:
        raise _error(lines, file, 0, f"this is not YAML: {error}") from None
    except (_TooDeep, RecursionError):
        raise UserError(too_deep(file)) from None
    except _TooMany:
        raise UserError(too_many(file)) from None


def _nodes(loader: Any) -> list[yaml.Node]:
    nodes = []
    while loader.check_node():
        nodes.append(loader.get_node())
    return nodes


def _error(lines: Lines, file: str, index: int, message: str, remedy: str = CORRECT) -> UserError:
    line, column = lines.at(index)
    return UserError(Problem(message, remedy, file, line, column, source=lines.source(line)))


class Builder:
    """Plain values from YAML nodes, within limits; mistakes are gathered."""

    def __init__(self, lines: Lines, file: str) -> None:
        self.lines, self.file = lines, file
        self.left = MAX_VALUES

    def document(self, root: yaml.Node) -> Document:
        """Return the value of a root, where each part of it stands, and what is wrong with it."""
        self.marks: dict[Path, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        try:
            value = self.build(root, ())
        except RecursionError:  # a mapping that merges itself
            raise UserError(too_deep(self.file)) from None
        return Document(value, self.file, self.marks, self.lines, problems=tuple(self.problems))

    def build(self, node: yaml.Node, path: Path) -> Any:
        """Return the value of a node, and keep where each part of it stands."""
        self._count()
        if len(path) > MAX_DEPTH:
            raise UserError(too_deep(self.file))
        self.marks.setdefault(path, self._position(node))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{CORE}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{CORE}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, path)
        tag = node.tag.replace(CORE, "!!", 1) if node.tag.startswith(CORE) else node.tag
        return self._complain(node, path, f"the tag {tag} is not allowed", "Write plain values without '!'.")

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        try:
            return scalar(node.tag.removeprefix(CORE), node.value)
        except ValueError as error:  # `!!bool x`, `!!int ''`
            if "digits" in str(error):
                return self._complain(node, path, "a number has too many digits", "Put it in quotes.")
            return self._complain(node, path, f"{node.value!r} cannot be read as a value", "Put it in quotes.")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        value = {}
        for name, (key, item) in self._items(node, path).items():
            self.marks[(*path, name)] = self._position(key)
            value[name] = self.build(item, (*path, name))
        return value

    def _items(self, node: yaml.MappingNode, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return what a mapping holds: what `<<` brings, and over it the mapping's own."""
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, item in node.value:
            self._count()  # merges of merges grow without a value being built
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _SCALARS:
                self._complain(key, path, "a key must be text", "Put the key in quotes.")
            elif key.value in own:
                self._complain(key, (*path, key.value), stands_twice(key.value), KEEP_ONE)
            elif key.tag != f"{CORE}merge":
                own[key.value] = (key, item)
            else:
                for source in item.value if isinstance(item, yaml.SequenceNode) else [item]:
                    if isinstance(source, yaml.MappingNode):
                        merged = {**self._items(source, path), **merged}
                    else:
                        remedy = "Name a mapping, or put '<<' in quotes."
                        self._complain(source, path, "'<<' merges mappings only", remedy)
        return {**merged, **own}

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise UserError(too_many(self.file))

    def _complain(self, node: yaml.Node, path: Path, message: str, remedy: str) -> None:
        line, column = self._position(node)
        source = self.lines.source(line)
        self.problems.append(Problem(message, remedy, self.file, line, column, dotted(path), source))

    def _position(self, node: yaml.Node) -> tuple[int, int]:
        return self.lines.at(node.start_mark.index)


def scalar(kind: str, text: str) -> Any:
    """Return the value of a scalar.

    Raises
    ------
    ValueError
        If the text is none of that kind.
    """
    if kind == "null":
        return None
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _none_of(text)
    if kind == "int":
        if not re.fullmatch(_INT, text):
            return _none_of(text)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if kind == "float":
        return _float(text)
    return text


def _float(text: str) -> float:
    if not re.fullmatch(f"{_INT}|{_FLOAT}", text):
        return _none_of(text)
    if text[:2] in ("0o", "0x"):
        return float(scalar("int", text))
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _none_of(text: str) -> NoReturn:
    raise ValueError(text)


def stands_twice(key: str) -> str:
    """Say that a mapping has a key twice."""
    return f"the key '{key}' stands twice"


def too_deep(file: str) -> Problem:
    """Return the problem of a file that is nested too deep."""
    return Problem(f"nested deeper than {MAX_DEPTH} levels", LIMIT, file)


def too_many(file: str) -> Problem:
    """Return the problem of a file that holds too much."""
    return Problem(f"more than {MAX_VALUES:,} values", LIMIT, file)
