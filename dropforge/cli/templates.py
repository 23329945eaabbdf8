"""The command templates: the packaged ones become the project's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, print_json, project_of, say


def templates(
    action: Annotated[Literal["export"], typer.Argument(help="Copy the packaged templates into a folder.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; by default the project's templates/, from where they count.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Overwrite templates that were edited; keep a copy of each in .dropforge/edited/."
        ),
    ] = False,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Copy the templates of the DAGs into the project, to be edited.

    'dropforge generate' takes those then. One that somebody edited is not overwritten: the command says so, changes
    nothing and ends with 1.

    --json prints a list of {"action", "file", "edited"}; the actions are add, change and keep.

    Example: dropforge templates export
    """
    from generator.templates import export, export_steps

    project = project_of(spec)
    steps = export_steps(folder or project.home / "templates")
    with disk_explained(project.home):
        copies = export(steps, project.state / "edited" if force else None)
    if as_json:
        print_json([{"action": step.action, "file": str(step.path), "edited": step.edited} for step in steps])
        return
    for step in steps:
        say(f"{step.action} {step.path.parent.name}/{step.path.name}")
    for copy in copies:
        say(f"the edited one is kept as {copy.relative_to(project.home)}")
    say("Edit them, then see what changes: dropforge generate --diff")


COMMANDS = (templates,)
