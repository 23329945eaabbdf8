"""The packaged templates as files of a project, so that people can change what is generated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dropforge.documents import Problem
from generator.files import read_text
from generator.plan import Step, apply, step_to
from generator.render import TEMPLATES, packaged


def export_steps(folder: Path) -> tuple[Step, ...]:
    """Return the steps that copy the packaged templates into a folder; one that differs there counts as edited."""
    return tuple(step_to(folder / name, read_text(packaged() / name), lambda _: False) for name in TEMPLATES)


def export(steps: Iterable[Step], copies: Path | None = None) -> tuple[Path, ...]:
    """Carry out the steps, as :func:`generator.plan.apply` does."""
    return apply(steps, copies, _refused)


def _refused(step: Step) -> Problem:
    return Problem(
        "this template is not the packaged one, so it is not overwritten",
        "Rename it, or export into another folder to compare; --force overwrites it and keeps a copy.",
        f"{step.path.parent.name}/{step.path.name}",
    )
