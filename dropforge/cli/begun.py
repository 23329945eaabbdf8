"""What init and add share: asking for the target, and telling what was made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from dropforge.cli.common import print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dropforge.start import Begun, Table

SHOWN = 10


def may_ask(as_json: bool) -> bool:
    """Return whether somebody is there to answer."""
    return not as_json and sys.stdin.isatty() and sys.stderr.isatty()


def lacking(option: str, message: str) -> Exception:
    """Return the error of a command that lacks an option: usage, message, exit code 2."""
    return typer.BadParameter(message, param_hint=option)


def target_of(table: Table, target: str | None, as_json: bool) -> str:
    """Return the column to predict: the one that was named, the evident one, or the answer of who is asked."""
    from dropforge.start.target import candidates, evident

    if found := target or evident(table.frame):
        return found
    likely = candidates(table.frame)
    columns = list(table.frame.columns)
    if not may_ask(as_json):
        raise lacking("--target", f"say which column to predict. {_listed(likely, columns)}")
    say(_listed(likely, columns))
    while True:
        answer = typer.prompt("Which column is to be predicted", default=likely[0] if likely else None, err=True)
        if answer in columns:
            return answer
        say(f"there is no column '{answer}'")


def tell(begun: Begun, then: Iterable[tuple[str, str]], as_json: bool) -> None:
    """Print what was made, and what to do next: commands, each with what it does."""
    from dropforge.documents import printable
    from dropforge.start.text import column_lines, shares_text

    proposal = begun.proposal
    if as_json:
        print_json(_plain(begun, [command for command, _ in then]))
        return
    shares = shares_text(proposal.classes)
    say(printable(f"{proposal.source}: {proposal.rows} rows; predicts '{proposal.target}' ({shares})"))
    if proposal.source.startswith("../"):
        say("  the table stays where it is; move it into the project, and correct data.source, to take it along")
    if proposal.classes.without:
        say(f"  {proposal.classes.without} rows have no value there, and are left out")
    say(f"  {proposal.metric} decides; a champion needs {proposal.minimum:.2f}, as guessing gives {proposal.guess:.2f}")
    if proposal.id:
        say(printable(f"  {proposal.id}: identifies a row; it is not learned from"))
    for line in column_lines(proposal.columns):
        say(f"  {line}")
    for file in begun.files:
        say(f"wrote {file}")
    if begun.unignored:
        say(f"your .gitignore lacks: {' '.join(begun.unignored)}")
    say("\nNext:")
    width = max(len(command) for command, _ in then)
    for command, what in then:
        say(f"  {command:<{width}}   # {what}")


def _plain(begun: Begun, then: list[str]) -> dict[str, Any]:
    proposal = begun.proposal
    return {
        "folder": str(begun.home),
        "pipeline": proposal.name,
        "source": proposal.source,
        "target": proposal.target,
        "id": proposal.id,
        "rows": proposal.rows,
        "classes": {str(label): count for label, count in proposal.classes.rows.items()},
        "metric": proposal.metric,
        "minimum": proposal.minimum,
        "columns": [
            {"name": column.name, "kind": column.kind, "used": column.used, "missing": column.missing,
             "note": column.note}
            for column in proposal.columns
        ],
        "files": list(begun.files),
        "unignored": list(begun.unignored),
        "next": then,
    }  # fmt: skip


def _listed(likely: list[str], columns: list[str]) -> str:
    from dropforge.documents import printable

    names = likely or columns
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    what = "It could be" if likely else "The columns are"
    return printable(f"{what}: {', '.join(names[:SHOWN])}{more}.")
