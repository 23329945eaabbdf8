"""The JSON Schemas that editors read, as files of the project: made once, and made anew where they are stale."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dropforge.project import Project
from generator.files import MARKER, digest, is_ours, read_text
from generator.plan import Step, step_to

FOLDER = "schemas"
_BEGIN, _CONTENT = '{"$comment": "', ": do not edit. Content "


def spec_text() -> str:
    """Return the text of ``schemas/spec.json``."""
    from generator.json_schema import spec_schema

    return schema_text(spec_schema())


def config_text() -> str:
    """Return the text of ``schemas/config.json``; this imports scikit-learn."""
    from dropforge.configs.json_schema import config_schema

    return schema_text(config_schema())


TEXTS: Mapping[str, Callable[[], str]] = {"spec.json": spec_text, "config.json": config_text}


def schema_steps(home: Path) -> tuple[Step, ...]:
    """Return the steps that bring a project's schemas up to date; none where it has no folder ``schemas``.

    A file that says it is of the Dropforge and scikit-learn that are installed, and that nobody edited, is kept
    without making it again: that would take a second.
    """
    folder = home / FOLDER
    return tuple(_steps(folder)) if folder.is_dir() else ()


def editor_line(project: Project, file: Path) -> str:
    """Return the line with which a spec or config names its schema to editors.

    Parameters
    ----------
    project : Project
        Where the schemas are.
    file : pathlib.Path
        The file that the line begins: the spec, one in its folder of parts (``pipelines.d``), or a config.
    """
    home, folder = project.home.absolute(), file.absolute().parent
    is_spec = folder == home or (folder.parent == home and folder.suffix == ".d")
    # Editors take the path relative to the file that names it.
    path = os.path.relpath(home / FOLDER / ("spec.json" if is_spec else "config.json"), folder)
    return f"# yaml-language-server: $schema={Path(path).as_posix()}\n"


def _steps(folder: Path) -> Iterator[Step]:
    for name, make in TEXTS.items():
        path = folder / name
        old = read_text(path) if path.exists() else None
        if old is not None and _maker(old) == _made_by() and _is_sealed(old):
            yield Step("keep", path, "", old, old)
            continue
        yield step_to(path, make(), _is_sealed)


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return a schema as a file's text: sealed, and each definition on a line, so that a diff can be read."""
    lines = [f"{_json(key)}: {_json(value)}" for key, value in schema.items() if key != "definitions"]
    inner = ",\n".join(f"  {_json(key)}: {_json(value)}" for key, value in schema["definitions"].items())
    rest = ",\n".join([*lines, f'"definitions": {{\n{inner}\n}}']) + "\n}\n"
    return f'{_BEGIN}{_made_by()}{_CONTENT}{digest(rest)}",\n{rest}'


def _made_by() -> str:
    return f"{MARKER} {version('dropforge')} with scikit-learn {version('scikit-learn')}"


def _maker(text: str) -> str:
    return text.partition("\n")[0].removeprefix(_BEGIN).partition(_CONTENT)[0]


def _is_sealed(text: str) -> bool:
    head, _, rest = text.partition("\n")
    return is_ours(text) and head.endswith(f'{_CONTENT}{digest(rest)}",')


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
