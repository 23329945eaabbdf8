"""Plan what generation does to dags_generated, then do it or show it; and read back what was done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dropforge.documents import Problem, UserError, write_whole
from dropforge.settings import Pipeline, decode
from generator.files import dags_of, is_ours, is_sealed, read_text, seal, settings_of
from generator.render import environment, render
from generator.spec import Spec

log = logging.getLogger(__name__)

Action = Literal["add", "change", "remove", "keep"]


@dataclass(frozen=True)
class Step:
    """One file: what happens to it, the text that stands there, and the text that will.

    Parameters
    ----------
    action : str
        What happens: ``add``, ``change``, ``remove`` or ``keep``.
    path : pathlib.Path
        The file.
    pipeline : str
        Whose file it is.
    old, new : str or None
        The text before and after.
    edited : bool
        Whether the text that stands there is not as we generated it: somebody edited it, or it is not ours.
    """

    action: Action
    path: Path
    pipeline: str
    old: str | None
    new: str | None
    edited: bool = False


def plan(spec: Spec) -> tuple[Step, ...]:
    """Return the steps from the files as they are to the files that the spec asks for.

    A file that carries our marker in its first line and belongs to no pipeline any more is removed; other files are
    left alone.
    """
    folder, templates = spec.home / "dags_generated", environment(spec.home)
    wanted = {
        name: (pipeline.name, seal(text))
        for pipeline in spec.pipelines
        for name, text in render(pipeline, spec.home, templates).items()
    }
    steps = [step_to(folder / name, text, is_sealed, pipeline) for name, (pipeline, text) in wanted.items()]
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.py")]):
        if path.name not in wanted and path.is_file() and is_ours(text := read_text(path)):
            steps.append(Step("remove", path, path.stem, text, None, not is_sealed(text)))
    return tuple(steps)


def step_to(path: Path, new: str, is_untouched: Callable[[str], bool], pipeline: str = "") -> Step:
    """Return the step from a file as it is to a text.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    new : str
        The text that it is to hold.
    is_untouched : callable
        Whether a text that stands there, and is another one, is as we wrote it.
    pipeline : str
        Whose file it is.
    """
    old = read_text(path) if path.exists() else None
    if old is None:
        return Step("add", path, pipeline, None, new)
    if old == new:
        return Step("keep", path, pipeline, old, new)
    return Step("change", path, pipeline, old, new, not is_untouched(old))


def _edited(step: Step) -> Problem:
    """Return that a file is not touched, as somebody edited it."""
    what = "was edited by hand" if is_ours(step.old or "") else "is not ours"
    return Problem(
        f"this file {what}, so it is not {'removed' if step.action == 'remove' else 'overwritten'}",
        "Put what you changed into the spec or into the project's own copy of a template, or rename the file; "
        "then 'dropforge generate --force' overwrites it and keeps a copy.",
        f"{step.path.parent.name}/{step.path.name}",
    )


def apply(
    steps: Iterable[Step], copies: Path | None = None, refused: Callable[[Step], Problem] = _edited
) -> tuple[Path, ...]:
    """Carry out a plan. Each file is replaced whole, so that Airflow never reads half of one.

    Parameters
    ----------
    steps : iterable of Step
        The plan.
    copies : pathlib.Path, optional
        A folder. Files that somebody edited are copied there and then overwritten; without it they are not.
    refused : callable, optional
        Says why one is not.

    Returns
    -------
    tuple of pathlib.Path
        The copies that were made.

    Raises
    ------
    UserError
        If somebody edited a file and no ``copies`` are asked for; nothing is changed then.
    """
    steps = tuple(steps)
    edited = [step for step in steps if step.edited]
    if edited and copies is None:
        raise UserError(map(refused, edited))
    made = tuple(_copy(step, copies) for step in edited if copies)
    for step in steps:
        if step.action == "remove":
            step.path.unlink(missing_ok=True)
        elif step.action != "keep" and step.new is not None:
            step.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(step.path, step.new.encode())
    for step in steps:
        loader = step.path.with_suffix(".py")
        if step.action in ("add", "change") and step.path.suffix == ".yaml" and loader.exists():
            loader.touch()  # Airflow reads a DAG again once its Python file has changed, and does not know of the other
    return made


def _copy(step: Step, folder: Path) -> Path:
    """Copy a file as it stands to a name that is free."""
    folder.mkdir(parents=True, exist_ok=True)
    copy, number = folder / step.path.name, 0
    while copy.exists():
        number += 1
        copy = folder / f"{step.path.stem}-{number}{step.path.suffix}"
    write_whole(copy, step.path.read_bytes())
    return copy


def generated(home: Path) -> tuple[Pipeline, ...]:
    """Return the settings that the generated files of a project carry, as the DAGs run them.

    A file that cannot be read is left out, with a warning.
    """
    found = []
    for path in sorted((home / "dags_generated").glob("*.yaml")):
        try:
            text = read_text(path)
            if is_ours(text):
                found.append(decode(settings_of(dags_of(text))))
        except Exception as error:
            # Whatever an edited file brings its readers to raise.
            log.warning("%s: its settings cannot be read (%s): run 'dropforge generate'", path, error)
    return tuple(found)
