"""The command schema: what editors need to complete and check specs and configs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, load_spec, print_json, say
from dropforge.cli.completion import pipelines


def schema(
    kind: Annotated[Literal["spec", "config"], typer.Argument(help="Whose schema.")],
    pipeline: Annotated[
        str | None,
        typer.Option(
            help="Of a config: only what this pipeline allows, other packages included.", autocompletion=pipelines
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write it into this file instead of printing it.")] = None,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema of specs or configs, for editors.

    With it an editor completes and checks them. 'dropforge generate' keeps those in schemas/ up to date.

    --json prints {"file"} where it is written with --output; what is printed otherwise is JSON anyway.

    Example: dropforge schema config --output schemas/config.json
    """
    from dropforge.documents import Problem, UserError, write_whole
    from generator.schemas import config_text, schema_text, spec_text

    if kind == "spec" and pipeline:
        raise UserError(
            Problem("a spec has no pipeline that could narrow it", "Leave --pipeline out, or ask for config.")
        )
    if pipeline:
        from dropforge.configs.json_schema import config_schema
        from dropforge.estimators import Allowed

        text = schema_text(config_schema(Allowed.of(load_spec(spec).pipeline(pipeline).train)))
    else:
        text = spec_text() if kind == "spec" else config_text()
    if output is None:
        typer.echo(text, nl=False)
        return
    with disk_explained(output.parent):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, text.encode())
    if as_json:
        print_json({"file": str(output)})
    else:
        say(f"wrote {output}")


COMMANDS = (schema,)
