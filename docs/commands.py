"""The reference of the command line, as the application itself describes it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from dropforge.cli.main import app

LENGTH = 120


def walk(command: Any = None, name: str = "dropforge") -> Iterator[tuple[str, Any]]:
    """Give every command that does something, by the words that call it."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, inner in command.commands.items():
        yield from walk(inner, f"{name} {word}")


def reference() -> str:
    """Return the section of each command, in Markdown."""
    return "\n".join(_section(name, command) for name, command in walk())


def paragraphs(command: Any) -> list[str]:
    """Return the paragraphs of a command's help."""
    text = inspect.cleandoc(command.help or "")
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]


def _section(name: str, command: Any) -> str:
    usage = " ".join([name, *filter(None, map(_usage, command.params))])
    text = "\n\n".join(_filled(code(part)) for part in paragraphs(command))
    rows = "".join(
        row(f"`{_name(parameter)}`", _default(parameter), _meaning(parameter))
        for parameter in command.params
        if parameter.name != "help"
    )
    table = f"| argument or option | default | meaning |\n|---|---|---|\n{rows}" if rows else ""
    return f"## {name}\n\n`{usage}`\n\n{text}\n\n{table}"


def _name(parameter: Any) -> str:
    return parameter.name.upper() if _is_argument(parameter) else ", ".join(parameter.opts)


def _usage(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    if _is_argument(parameter):
        text = _name(parameter) + ("..." if parameter.nargs == -1 else "")
    else:
        text = parameter.opts[0] + ("" if parameter.is_flag else f" {_value(parameter)}")
    return text if parameter.required else f"[{text}]"


def _value(parameter: Any) -> str:
    """Return the word for an option's value."""
    annotation = parameter.type_descriptor.annotation
    if annotation is int:
        return "N"
    return "FILE" if annotation is Path else parameter.name.upper()


def _meaning(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return code(parameter.help or "") + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." * bool(choices))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    plain = parameter.default in (None, (), [], "") or getattr(parameter, "is_flag", False)
    value = "" if plain else f"`{parameter.default}`"
    return f"{value}, or `${parameter.envvar}`" if value and getattr(parameter, "envvar", None) else value


def _is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


# What is code in a sentence of help: quoted commands, options, shapes of JSON, names with a placeholder, files, folders
# and patterns. A quote within a word, or after one, is an apostrophe.
_CODE = re.compile(
    r"Example: (?P<example>.+)$"
    r"|(?<!\w)'(?P<quoted>[^']+)'(?!\w)"
    r"|(?P<shape>\{.*\})"
    r"|(?P<word>(?<![\w`])--[a-z][\w-]*"
    r"|<\w+>[\w-]*"
    r"|(?<![\w`/.])[\w.*-]+(?:/[\w.*-]*)*(?:/|(?<=/)[\w.*-]*\w)"
    r"|\b\w+\.(?:yaml|json|csv)\b|\bdags_generated\b)"
)


def code(text: str) -> str:
    """Return a sentence of help in Markdown."""

    def mark(found: re.Match[str]) -> str:
        if found["example"]:
            return f"Example: `{found['example']}`"
        return f"`{found['quoted'] or found['shape'] or found['word']}`"

    return _CODE.sub(mark, text)


def row(*cells: str) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n".replace("|  |", "| |")


def _filled(text: str) -> str:
    """Break a paragraph into lines of at most 120 characters, though not within code."""
    words = re.findall(r"(?:`[^`]*`|\S)+", text)
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) >= LENGTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)
