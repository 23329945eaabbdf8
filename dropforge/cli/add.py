"""The command add: one more pipeline."""

from __future__ import annotations

from typing import Annotated

import typer

from dropforge.cli.begun import lacking, may_ask, target_of, tell
from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, load_spec


def add(
    pipeline: Annotated[str, typer.Argument(help="The new pipeline's name.")],
    data: Annotated[
        str | None, typer.Option(help="A .csv or .parquet file, or a loader such as sklearn.datasets.load_iris.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column to predict; asked for where it is not evident.")
    ] = None,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Add a pipeline to the spec, with three configs and DAGs.

    It is proposed as by 'dropforge init', and inserted into the text of the spec, so comments and order stay. Where the
    text has no place for it, it becomes a file of its own in pipelines.d/. What the defaults say of schedule,
    estimators and limits is left to them. If anything fails, nothing is changed.

    --json prints {"folder", "pipeline", ...}, as 'dropforge init' does.

    Example: dropforge add churn --data customers.csv --target left
    """
    from dropforge.start import add as add_pipeline
    from dropforge.start import expect_free, propose, read_table

    found = load_spec(spec)
    expect_free(found, pipeline)
    if data is None:
        if not may_ask(as_json):
            raise lacking("--data", "say which table to learn from.")
        data = typer.prompt("Which .csv or .parquet file holds the rows", err=True)
    table = read_table(data, found.home)
    proposal = propose(pipeline, table.source, table.frame, target_of(table, target, as_json))
    with disk_explained(found.home):
        begun = add_pipeline(found, proposal, table.frame)
    then = [
        ("dropforge up", "unless the stack is up: then it takes the change up by itself"),
        (f"dropforge versions {pipeline}", "what became of the samples"),
    ]
    tell(begun, then, as_json)


COMMANDS = (add,)
