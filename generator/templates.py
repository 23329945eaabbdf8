"""The packaged templates as files of a project, so that people can change what is generated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from dropforge.documents import Problem, UserError
from generator.files import read_text
from generator.plan import Step, apply, step_to
from generator.render import TEMPLATES, packaged


def export_steps(folder: Path) -> tuple[Step, ...]:
    """Return the steps that copy the packaged templates into a folder; one that differs there counts as edited."""
    return tuple(step_to(folder / name, read_text(packaged() / name), lambda _: False) for name in TEMPLATES)


def export(steps: Iterable[Step], copies: Path | None = None) -> tuple[Path, ...]:
    """Carry out the steps.

    Parameters
    ----------
    steps : iterable of Step
        From :func:`export_steps`.
    copies : pathlib.Path, optional
        A folder. Templates that somebody edited are copied there and then overwritten; without it they are not.

    Returns
    -------
    tuple of pathlib.Path
        The copies that were made.

    Raises
    ------
    UserError
        If somebody edited a template and no ``copies`` are asked for; nothing is changed then.
    """
    steps = tuple(steps)
    if copies is None and (refused := list(_refused(steps))):
        raise UserError(refused)
    return apply(steps, copies)


def _refused(steps: Iterable[Step]) -> Iterator[Problem]:
    for step in steps:
        if step.edited:
            yield Problem(
                "this template is not the packaged one, so it is not overwritten",
                "Rename it, or export into another folder to compare; --force overwrites it and keeps a copy.",
                f"{step.path.parent.name}/{step.path.name}",
            )
