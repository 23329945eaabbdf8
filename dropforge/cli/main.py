"""The command line's entry."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from dropforge.cli import add, again, configs, estimators, generate, init, models, schema, stack, templates
from dropforge.cli.common import columns, disk_explained, err, mlflow_explained, say
from dropforge.stack.environment import ONE_THREAD, collect_rarely, past_the_proxy

# The libraries that read them are not imported yet.
os.environ.update(ONE_THREAD | os.environ | past_the_proxy(os.environ))
collect_rarely()

app = typer.Typer(
    help="Drop a config, get a model in production.",
    epilog="Exit codes: 0 done, 1 what it checked or did fell short, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (init, add, configs, generate, schema, templates, estimators, models, again, stack):
    for command in module.COMMANDS:
        app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        import importlib.metadata

        say(f"dropforge {importlib.metadata.version('dropforge')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run a command; a user's mistake is a message and exit code 1, a bug keeps its traceback."""
    from dropforge.documents import ExplainedError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character, or a name that is no text, is no reason to end in a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        with mlflow_explained(), disk_explained():
            app(prog_name="dropforge")  # however it was started
    except ExplainedError as error:
        for problem in error.problems:
            err.print(problem.shown(columns(err)), style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
