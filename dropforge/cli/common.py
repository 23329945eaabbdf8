"""What the commands share: their options, and how they print."""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

    from dropforge.project import Project
    from dropforge.settings import Pipeline
    from generator.spec import Spec

# What users wrote is shown as they wrote it: nothing in it is read as markup or as an emoji's name.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

SpecOption = Annotated[Path, typer.Option("--spec", help="The spec file.", envvar="DROPFORGE_SPEC")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_WIDE = 1_000  # more than any line of a table
_LONGEST_CAUSE = 200
SPEC = Path("pipelines.yaml")


def load_spec(path: Path) -> Spec:
    """Return the spec."""
    from generator.spec import read_spec

    return read_spec(path)


def load_pipeline(path: Path, name: str) -> tuple[Project, Pipeline]:
    """Return the project of a spec, and one of its pipelines."""
    from dropforge.project import Project

    spec = load_spec(path)
    return Project(spec.home), spec.pipeline(name)


@contextlib.contextmanager
def disk_explained(folder: Path | None = None) -> Iterator[None]:
    """Turn the error of a disk that takes nothing into a message.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the block writes.

    Raises
    ------
    UserError
        If the disk is full, read-only or closed to us, or something is in the way; what else is wrong keeps its
        traceback.
    """
    from dropforge.documents import ExplainedError, UserError, explain

    # MLflow logs its database's errors, traceback and all, and raises them too.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        yield
    except ExplainedError:
        raise
    except Exception as error:
        if problem := explain(error, folder):
            raise UserError(problem) from error
        raise


@contextlib.contextmanager
def mlflow_explained() -> Iterator[None]:
    """Turn what MLflow's client raises where a server does not answer into a message.

    Raises
    ------
    UserError
        If a server is away, or fails; what MLflow refuses or the embedded store raises keeps its traceback.
    """
    from dropforge.documents import Problem, UserError

    try:
        yield
    except Exception as error:
        mlflow: Any = sys.modules.get("mlflow")  # a command that did not import it has not asked it
        if mlflow is None or not isinstance(error, mlflow.exceptions.MlflowException):
            raise
        from dropforge.registry.once import is_away

        address = mlflow.get_tracking_uri()
        if not is_away(error) or not address.startswith("http"):
            raise
        shown = re.sub(r"//[^/]*@", "//", address)  # without a password
        remedy = "See whether it runs ('dropforge status'), or correct MLFLOW_TRACKING_URI; then try again."
        message = f"MLflow at {shown} does not answer as it should: {_first_cause(error)}"
        raise UserError(Problem(message, remedy)) from error


def _first_cause(error: BaseException) -> str:
    """Return what was raised first, in a line: libraries wrap a refused connection in four errors of their own."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return textwrap.shorten(str(error) or type(error).__name__, _LONGEST_CAUSE)


def project_of(path: Path) -> Project:
    """Return the project that a spec file stands for, whether it can be read or not."""
    from dropforge.project import Project

    path = path.absolute()
    return Project(path if path.is_dir() else path.parent)


def user() -> str:
    """Return who runs the command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user's number may have no name
        return f"user {os.getuid()}"


def columns(console: Console = out) -> int | None:
    """Return how many columns a terminal has; None for a pipe or a file, which wraps nothing."""
    return console.width if console.is_terminal else None


def say(text: str) -> None:
    """Print a line for people."""
    out.print(text)


def print_json(value: Any) -> None:
    """Print a value as JSON; in JSON's own escapes, where there is a character that the output cannot take."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(out.encoding)
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    out.print(text)


def print_table(table: Table) -> None:
    """Print a table: as wide as the terminal, or as wide as it is, so that a pipe or a file has whole lines."""
    whole = not (out.is_terminal or "COLUMNS" in os.environ)
    (Console(highlight=False, markup=False, emoji=False, width=_WIDE) if whole else out).print(table)


def fail(code: int = 1) -> typer.Exit:
    """Return the exit for a command that fell short."""
    return typer.Exit(code)
