"""The command init: a project on one's own data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from dropforge.cli.begun import target_of, tell
from dropforge.cli.common import JsonOption, disk_explained


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder; it is made if it is not there.")] = Path(),
    data: Annotated[
        str | None, typer.Option(help="A .csv or .parquet file; without it, an example of scikit-learn's.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column to predict; asked for where it is not evident.")
    ] = None,
    pipeline: Annotated[str | None, typer.Option(help="The pipeline's name; by default the file's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a project on a table of your own.

    The table is looked at, and what fits it is written: pipelines.yaml, three configs in the watch folder, the schemas
    for editors, .gitignore and the generated DAGs. All files are put in place at the end, or none. No file is
    overwritten: where one is in the way, it is named and nothing is done; a .gitignore of your own is kept, and what it
    lacks is said. What it cannot know it asks for in a terminal; elsewhere that is wrong usage (exit code 2).

    --json prints {"folder", "pipeline", "source", "target", "id", "rows", "classes", "metric", "minimum", "columns":
    [{"name", "kind", "used", "missing", "note"}], "files", "unignored", "next"}.

    Example: dropforge init shop --data customers.csv --target bought
    """
    from dropforge.start import begin, expect_name, expect_no_project, propose, read_table
    from dropforge.start.begin import EXAMPLE

    expect_no_project(folder.absolute())
    if pipeline is not None:
        expect_name(pipeline)
    table = read_table(data or EXAMPLE, folder)
    column = target_of(table, target, as_json)
    proposal = propose(pipeline or table.name or "model", table.source, table.frame, column)
    with disk_explained(folder.absolute()):
        begun = begin(folder.absolute(), proposal, table.frame)
    away = folder.absolute() != Path.cwd()
    then = [
        *([(f"cd {shlex.quote(str(folder))}", "the project")] if away else []),
        ("dropforge up", "Airflow, MLflow and the model server; the three samples are trained at once"),
        (f"dropforge versions {proposal.name}", "what became of them; in another terminal"),
    ]
    tell(begun, then, as_json)


COMMANDS = (init,)
