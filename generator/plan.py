"""Plan what generation does to dags_generated, then do it or show it; and read back what was done."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from dropforge.documents import write_whole
from dropforge.settings import Pipeline, decode
from generator.render import MARKER, render
from generator.spec import Spec

log = logging.getLogger(__name__)

Action = Literal["add", "change", "remove", "keep"]


@dataclass(frozen=True)
class Step:
    """One file: what happens to it, the text that stands there, and the text that will."""

    action: Action
    path: Path
    old: str | None
    new: str | None


def plan(spec: Spec) -> tuple[Step, ...]:
    """Return the steps from the files as they are to the files that the spec asks for.

    A file that carries our marker in its first line and belongs to no pipeline any more is removed; other files are
    left alone.
    """
    folder = spec.home / "dags_generated"
    wanted = {name: text for pipeline in spec.pipelines for name, text in render(pipeline, spec.home).items()}
    steps = [_step(folder / name, text) for name, text in wanted.items()]
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.py")]):
        if path.name not in wanted and path.is_file() and _is_ours(text := _text(path)):
            steps.append(Step("remove", path, text, None))
    return tuple(steps)


def _step(path: Path, new: str) -> Step:
    old = _text(path) if path.exists() else None
    action: Action = "add" if old is None else "keep" if old == new else "change"
    return Step(action, path, old, new)


def _is_ours(text: str) -> bool:
    return MARKER in text.partition("\n")[0]


def _text(path: Path) -> str:
    """Return a file's text, line ends as they are; others may have written it, in any encoding."""
    return path.read_bytes().decode("utf-8", "replace")


def apply(steps: tuple[Step, ...]) -> None:
    """Carry out a plan. Each file is replaced whole, so that Airflow never reads half of one."""
    for step in steps:
        if step.action == "remove":
            step.path.unlink(missing_ok=True)
        elif step.action != "keep" and step.new is not None:
            step.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(step.path, step.new.encode())


def generated(home: Path) -> tuple[Pipeline, ...]:
    """Return the settings that the generated files of a project carry, as the DAGs run them.

    A file that cannot be read is left out, with a warning.
    """
    found = []
    for path in sorted((home / "dags_generated").glob("*.yaml")):
        try:
            text = _text(path)
            if _is_ours(text):
                found.append(_settings(text))
        except Exception as error:
            # Whatever an edited file brings its readers to raise.
            log.warning("%s: its settings cannot be read (%s): run 'dropforge generate'", path, error)
    return tuple(found)


def _settings(text: str) -> Pipeline:
    """Return the settings in a generated file: those of the task ``claim``."""
    dags = yaml.safe_load(text).values()
    (settings,) = [task["settings"] for dag in dags for task in dag["tasks"] if task["task_id"] == "claim"]
    return decode(settings)
