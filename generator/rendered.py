"""What a project's own template renders: whether Airflow and dag-factory can take it, and which line it comes from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import yaml
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from generator.files import Loader

_OPENED = ("while parsing a flow", "while scanning a quoted")
_SAFE_MODE = ("airflow", "dag")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a rendered text: a message that goes on after "what it renders", a remedy, and the place."""

    message: str
    remedy: str
    line: int = 1
    column: int = 0


def find_fault(text: str, kind: str) -> Fault | None:
    """Return the first thing in a rendered text that Airflow or dag-factory could not take; None if there is none.

    Parameters
    ----------
    text : str
        What was rendered.
    kind : str
        ``yaml``, or ``py`` for the loader.
    """
    return next(_python_faults(text) if kind == "py" else _yaml_faults(text), None)


def place_of(templates: jinja2.Environment, name: str, values: Mapping[str, object], fault: Fault) -> tuple[str, int]:
    """Return the file and line of the template that a fault comes from.

    The template is rendered once more, with a mark before each piece of text that says where it stands.
    """
    template = templates.overlay(extensions=[_Marks]).get_template(name)
    marked = template.render(values)
    found = (template.filename or name, 1)
    for number, line in enumerate(marked.split("\n"), 1):
        column = 0
        for text, file, place in _MARKED.findall(line):
            column += len(text)
            if number == fault.line and column > fault.column:
                return found
            found = (file, int(place)) if place else found
        if number == fault.line:
            return found
    return found


# Characters of Unicode's private use, which no template should hold.
_MARKED = re.compile("([^\ue000]*)(?:\ue000([^\ue000]*):([0-9]+)\ue001)?")


class _Marks(Extension):
    """Puts a mark before each line of text in a template, and before what is computed."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        file = stream.filename or stream.name or ""
        for token in stream:
            if token.type == "variable_begin":
                yield Token(token.lineno, "data", self._mark(file, token.lineno))
            if token.type != "data":
                yield token
                continue
            lines = token.value.split("\n")
            text = "\n".join(self._mark(file, token.lineno + offset) + line for offset, line in enumerate(lines))
            yield Token(token.lineno, "data", text)

    def _mark(self, file: str, line: int) -> str:
        return f"\ue000{file}:{line}\ue001"


def _python_faults(text: str) -> Iterator[Fault]:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        yield Fault(f"is no Python: {error.args[0]}", "Correct the template.", getattr(error, "lineno", None) or 1)
        return
    if missing := [word for word in _SAFE_MODE if word not in text.lower()]:
        message = f"lacks the word '{missing[0]}', so Airflow would skip the file and say nothing"
        yield Fault(message, "Name it, in a comment if need be.", 1)


def _yaml_faults(text: str) -> Iterator[Fault]:
    try:
        root = yaml.compose(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        if isinstance(error, yaml.MarkedYAMLError) and (error.context or "").startswith(_OPENED):
            mark, what = error.context_mark, f"{error.context}, {what}"  # it is noticed long after the line to correct
        yield Fault(f"is no YAML: {what}", "Correct the template.", *((mark.line + 1, mark.column) if mark else ()))
        return
    if not isinstance(root, yaml.MappingNode):
        yield Fault("is no mapping, and dag-factory reads one of DAGs by their ids", "Begin with '<name>_train:'.",
                    *_place(root))  # fmt: skip
        return
    for key, dag in root.value:
        if key.value != "default":
            yield from _dag_faults(key.value, dag)


def _dag_faults(name: str, dag: yaml.Node) -> Iterator[Fault]:
    keys = _keys(dag)
    if keys is None:
        yield Fault(f"has no DAG at '{name}', but something else", "Write its keys: schedule, tasks.", *_place(dag))
        return
    if "schedule_interval" in keys:
        yield Fault("says 'schedule_interval', which dag-factory refuses", "Write 'schedule'.",
                    *_place(keys["schedule_interval"]))  # fmt: skip
    if "tasks" not in keys:
        yield Fault(f"has a DAG '{name}' without tasks", "Write 'tasks: [...]'.", *_place(dag))
        return
    tasks = keys["tasks"]
    groups = _keys(keys["task_groups"]) or {} if "task_groups" in keys else {}
    if not isinstance(tasks, yaml.SequenceNode | yaml.MappingNode):
        yield Fault(f"has 'tasks' of '{name}' that are no list", "Begin each with '- task_id:'.", *_place(tasks))
        return
    found: dict[str, Mapping[str, yaml.Node]] = {}
    for named, task in tasks.value if isinstance(tasks, yaml.MappingNode) else ((None, item) for item in tasks.value):
        inner = _keys(task)
        if inner is None or not (named or "task_id" in inner):
            yield Fault(f"has a task of '{name}' without a task_id", "Begin it with '- task_id:'.", *_place(task))
            return
        task_id = named.value if named else inner["task_id"].value
        if task_id in found:
            yield Fault(f"has two tasks '{task_id}' in '{name}'", "Rename one.", *_place(task))
        if not {"operator", "decorator"} & inner.keys():
            yield Fault(f"has a task '{task_id}' with neither operator nor decorator",
                        "Write e.g. 'decorator: airflow.sdk.task'.", *_place(task))  # fmt: skip
        found[task_id] = inner
    for task_id, task_keys in found.items():
        for other in getattr(task_keys.get("dependencies"), "value", ()):
            if isinstance(other, yaml.ScalarNode) and other.value not in {*found, *groups}:
                yield Fault(f"has a task '{task_id}' that depends on '{other.value}', which is no task of '{name}'",
                            "Correct its dependencies.", *_place(other))  # fmt: skip


def _keys(node: Any) -> dict[str, yaml.Node] | None:
    return {key.value: item for key, item in node.value} if isinstance(node, yaml.MappingNode) else None


def _place(node: yaml.Node | None) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column) if node is not None else (1, 0)
