"""The command generate: the plan is told, shown as a diff, or carried out."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, fail, load_spec, print_json, say

if TYPE_CHECKING:
    from generator.plan import Step
    from generator.spec import Spec


def generate(
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if a file is stale, and name it.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Change nothing; show what would change, in words and as a unified diff.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Overwrite files that were edited by hand; keep a copy of each in .dropforge/edited/."
        ),
    ] = False,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Render the spec into DAGs, and say what changes.

    They are written into dags_generated. A generated file whose pipeline is gone is removed; its versions, history
    and configs stay, and are named. Other files are left alone. A file that somebody edited is not overwritten: the
    command says so, changes nothing and ends with 1. The schemas in schemas/ are kept up to date too, where that
    folder is there.

    --json prints a list of {"action", "file", "edited", "changes"}; the actions are add, change, remove and keep.

    Example: dropforge generate --diff
    """
    from dropforge.project import Project
    from generator.changes import changes
    from generator.plan import apply, plan
    from generator.schemas import schema_steps

    found = load_spec(spec)
    steps = (*plan(found), *schema_steps(found.home))
    told = changes(steps)
    copies: tuple[Path, ...] = ()
    if not (check_only or diff):
        with disk_explained(found.home):
            copies = apply(steps, Project(found.home).state / "edited" if force else None)
    if as_json:
        words = {change.pipeline: list(change.words) for change in told}
        print_json([
            {"action": step.action, "file": _name(step), "edited": step.edited, "changes": words.get(step.pipeline, [])}
            for step in steps
        ])  # fmt: skip
    else:
        for line in _told(found, steps, copies, check_only=check_only):
            say(line)
        for line in _unified(steps) if diff else ():
            say(line)
    if check_only and told:
        raise fail()


def _told(spec: Spec, steps: tuple[Step, ...], copies: tuple[Path, ...], *, check_only: bool) -> Iterator[str]:
    from generator.changes import changes, summary

    told = changes(steps)
    yield from map(str, told)
    for step in steps:
        if step.action != "keep":
            yield f"{_name(step)} is stale ({step.action})" if check_only else f"{step.action} {_name(step)}"
    for copy in copies:
        yield f"the edited {copy.name} is kept as {copy.relative_to(spec.home)}"
    if count := summary(told):
        yield count
    if names := ", ".join(sorted({variable.name for variable in spec.variables})):
        yield f"dags_generated holds the values of these variables: {names}"
    if not told:
        yield f"dags_generated is what {spec.path.name} says"
    elif check_only:
        yield "Run 'dropforge generate'."


def _name(step: Step) -> str:
    return f"{step.path.parent.name}/{step.path.name}"


def _unified(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        if not step.pipeline:  # nobody reads the schemas of editors
            continue
        old, new = (step.old or "").splitlines(), (step.new or "").splitlines()
        before = "/dev/null" if step.old is None else f"a/{_name(step)}"
        after = "/dev/null" if step.new is None else f"b/{_name(step)}"
        yield from difflib.unified_diff(old, new, before, after, lineterm="")


COMMANDS = (generate,)
