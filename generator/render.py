"""Render a pipeline's settings as the text of its generated files.

User text can do nothing in there: it only ever stands inside a quoted scalar in which the characters that
dag-factory (``$``, ``+``), Airflow (``{``) or YAML could read as their own are written as escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from dropforge.documents import Problem, UserError
from dropforge.settings import Pipeline, encode
from generator.checks import interval_seconds
from generator.rendered import find_fault, place_of
from generator.words import words

TEMPLATES = ("pipeline.yaml.j2", "pipeline.py.j2")

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


def environment(project: Path | None = None) -> jinja2.Environment:
    """Return the templates.

    Parameters
    ----------
    project : pathlib.Path, optional
        The project's folder; templates in its ``templates/`` win over the packaged ones.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_folders(project)),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the output is YAML and Python, quoted by our own filters
    )
    made.filters |= FILTERS
    return made


def render(
    pipeline: Pipeline, project: Path | None = None, templates: jinja2.Environment | None = None
) -> dict[str, str]:
    """Return the generated files of one pipeline: name to text.

    Parameters
    ----------
    pipeline : Pipeline
        Its resolved settings.
    project : pathlib.Path, optional
        The project's folder, see :func:`environment`.
    templates : jinja2.Environment, optional
        The project's templates, where many pipelines are rendered one after the other.

    Raises
    ------
    UserError
        If a template is wrong, with the template's file and line.
    """
    templates = templates or environment(project)
    values = template_values(pipeline)
    return {f"{pipeline.name}.{template.split('.')[1]}": _render(templates, template, values) for template in TEMPLATES}


def template_values(pipeline: Pipeline) -> dict[str, object]:
    """Return what a template can use, by name. The reference documents each; so it does the :data:`FILTERS`."""
    schedule = pipeline.promote.schedule.strip()
    return {
        "pipeline": pipeline,
        "settings": sealed(json.loads(encode(pipeline))),
        "interval": interval_seconds(schedule),
        "cron": _PRESETS.get(schedule, schedule),
        "approval_seconds": interval_seconds(pipeline.promote.approval_timeout),
        **words(pipeline),
    }


def quoted(text: str) -> str:
    """Return ``text`` as a double-quoted YAML scalar in which nothing but the quotes has a meaning."""
    return f'"{_spelled(text)}"'


def _spelled(text: str) -> str:
    return _SPECIAL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\n":
        return r"\n"
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"


# What dag-factory, Airflow, a JSON string or a YAML scalar could read as its own.
_SPECIAL = re.compile(r"[^ -~]|[${}+%'\"\\]")


def sealed(value: Any) -> str:
    """Return a value as a single-quoted YAML scalar that holds one JSON string."""
    # Only ASCII stands in the file: no other line break can split the scalar.
    return f"'{_escape_strings(json.dumps(value))}'"


def _escape_strings(text: str) -> str:
    """Escape inside the strings of a JSON text; its own braces stay."""
    out, inside, position = [], False, 0
    while position < len(text):
        character = text[position]
        if inside and character == "\\":
            out.append(text[position : position + 2])
            position += 2
            continue
        if character == '"':
            inside = not inside
            out.append(character)
        else:
            out.append(_spelled(character) if inside else character)
        position += 1
    return "".join(out)


FILTERS: Mapping[str, Callable[[Any], str]] = {"quoted": quoted, "sealed": sealed}


def packaged() -> Path:
    """Return the folder of the templates that come with Dropforge."""
    here = Path(__file__).parent
    inside = here / "templates"  # in a wheel; in a checkout it lies beside the package
    return inside if inside.is_dir() else here.parent / "templates"


def _folders(project: Path | None) -> list[Path]:
    return [project / "templates", packaged()] if project else [packaged()]


def _render(templates: jinja2.Environment, name: str, values: Mapping[str, object]) -> str:
    file = name
    try:
        template = templates.get_template(name)
        file = template.filename or name
        text = template.render(values)
    except jinja2.TemplateSyntaxError as error:
        raise UserError(
            Problem(str(error.message), "Correct the template.", error.filename or file, error.lineno)
        ) from error
    except jinja2.TemplateNotFound as error:
        where = _raised_at(error, file)
        raise UserError(Problem(f"there is no template '{error.name}'", "Correct the name.", *where)) from error
    except Exception as error:
        # A template is the user's program: whatever it raises is a mistake in it.
        message = f"{type(error).__name__}: {error}"
        raise UserError(Problem(message, "Correct the template.", *_raised_at(error, file))) from error
    if Path(file).parent != packaged() and (fault := find_fault(text, name.split(".")[1])):
        where = place_of(templates, name, values, fault)
        raise UserError(Problem(f"what it renders {fault.message}", fault.remedy, *where))
    return text


def _raised_at(error: Exception, file: str) -> tuple[str, int | None]:
    """Return where in a template an error arose: Jinja puts the template's own lines into the traceback."""
    trace = error.__traceback__
    found: tuple[str, int | None] = (file, None)
    while trace:
        if trace.tb_frame.f_code.co_filename.endswith(".j2"):
            found = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found
