"""Show a result: a table on the screen, JSON to keep, Markdown for the docs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from benchmarks.figures import Figure

COLUMNS = ("figure", "median (min - max)", "beside it", "ratio", "aim")


def result(
    date: str,
    machine: Mapping[str, Any],
    versions: Mapping[str, str],
    *,
    quick: bool,
    figures: Mapping[str, Sequence[Figure]],
    failures: Mapping[str, str],
) -> dict[str, Any]:
    """Return everything that a run gave as plain values.

    Parameters
    ----------
    date : str
        When it began, in UTC.
    machine, versions : mapping
        What it ran on.
    quick : bool
        Whether the sizes were small: such figures prove nothing.
    figures : mapping
        Of each benchmark that ran to its end.
    failures : mapping
        Why the others did not.
    """
    return {
        "date": date,
        "quick": quick,
        "machine": dict(machine),
        "versions": dict(versions),
        "figures": [{"benchmark": name, **figure.to_plain()} for name, found in figures.items() for figure in found],
        "failures": dict(failures),
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def table(content: Mapping[str, Any]) -> Table:
    """Return a result as a table for the screen."""
    shown = Table(*COLUMNS, title=_title(content))
    for figure in content["figures"]:
        missed = figure["aim"] and not figure["aim"]["met"]
        shown.add_row(*map(escape, _cells(figure)), style="red" if missed else None)
    return shown


def markdown(content: Mapping[str, Any]) -> str:
    """Return a result as a table in Markdown, with what it was measured on."""
    lines = [_title(content) + ".", "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(_cells(figure))} |" for figure in content["figures"]]
    lines += [f"\n`{name}` failed: {why}" for name, why in content["failures"].items()]
    return "\n".join(lines) + "\n"


def _title(content: Mapping[str, Any]) -> str:
    machine, versions = content["machine"], content["versions"]
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    size = "Small sizes, which prove nothing. " if content["quick"] else ""
    cores, memory = machine["cores"], machine["memory_gib"]
    return f"{size}{content['date']}, {machine['cpu']}, {cores} cores, {memory} GiB, {machine['kernel']}; {names}"


def _cells(figure: Mapping[str, Any]) -> list[str]:
    baseline, unit = figure["baseline"], figure["unit"]
    return [
        f"{figure['benchmark']}: {figure['name']}",
        _spread(figure, unit),
        f"{baseline['name']}: {_spread(baseline, unit)}" if baseline else "",
        _ratio(figure["ratio"]),
        _aim(figure["aim"]),
    ]


def _spread(values: Mapping[str, Any], unit: str) -> str:
    tail = f", p95 {_number(values['p95'])}" if "p95" in values else ""
    return f"{_number(values['median'])} {unit} ({_number(values['min'])} - {_number(values['max'])}{tail})"


def _ratio(ratio: float | None) -> str:
    """Return a ratio; a small one also as people say it."""
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio > 1 / 2 else f"{ratio:.3f} ({1 / ratio:.1f}x less)"


def _aim(aim: Mapping[str, Any] | None) -> str:
    if aim is None:
        return ""
    of = "ratio " if aim["of"] == "ratio" else ""
    return f"{of}at most {aim['at_most']:g}: {'met' if aim['met'] else 'missed'}"


def _number(value: float) -> str:
    """Return three digits that count, or all before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
