"""What the record of a decision shows in MLflow: who was considered, how they did, and why it was decided so."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from dropforge.documents import code
from dropforge.promotion.decide import Contender, Decision
from dropforge.promotion.validate import Validation
from dropforge.registry.history import Account, Entry
from dropforge.settings import Pipeline

_SHOWN = 30  # candidates in the table and the plot; all are in decision.json


def account_of(pipeline: Pipeline, decision: Decision, entry: Entry) -> Account:
    """Return the account of a decision.

    Parameters
    ----------
    pipeline : Pipeline
        The settings.
    decision : Decision
        What was decided.
    entry : Entry
        What the history keeps of it.
    """
    metric = pipeline.promote.metric
    shown = decision.candidates[:_SHOWN]
    files = {"decision.json": json.dumps(_plain(pipeline, decision, entry), indent=2).encode()}
    scored = [c for c in shown if c.value is not None]
    if scored:
        files["candidates.png"] = _plot(metric, scored, decision.bar, decision.champion)
    values = {} if entry.value is None else {f"holdout_{metric}": entry.value}
    return Account(_name(entry), text_of(metric, decision, entry), values, files)


def _name(entry: Entry) -> str:
    if not entry.moves:
        return f"version {entry.champion} stays" if entry.champion else "no champion yet"
    verb = {"rolled back": "rolled back to", "by hand": "by hand:"}.get(entry.kind, "promoted:")
    return f"{verb} version {entry.champion}"


def _plain(pipeline: Pipeline, decision: Decision, entry: Entry) -> dict[str, object]:
    candidates = [
        {
            "version": c.version,
            "value": c.value,
            "interval": c.interval,
            "passed": c.passed,
            "reasons": c.reasons,
            "gates": [{"name": gate.name, "passed": gate.passed, "said": gate.said} for gate in c.gates],
        }
        for c in decision.candidates
    ]
    known = {name: entry.to_tags()[name] for name in ("kind", "metric", "why", "by")}
    return {**decision.to_plain(), **known, "candidates": candidates, "spec_digest": pipeline.digest}


def text_of(metric: str, decision: Decision, entry: Entry, verb: str = "Decided") -> str:
    """Return the decision in words, in Markdown: MLflow shows it on the run's page."""
    lines = [f"**{decision.verdict}**", "", f"{verb} by {entry.by}."]
    rows = [("challenger", c) for c in decision.candidates[:_SHOWN]]
    if decision.bar:
        before = decision.bar.version == decision.previous
        role = "champion before" if before else f"stands for version {decision.previous}"
        rows.insert(0, (role, Contender.of(decision.bar)))
    if rows:
        lines += ["", f"| version | {metric}, 95 % interval | gates |", "|---|---|---|"]
        lines += [_row(role, contender) for role, contender in rows]
    if more := len(decision.candidates) - _SHOWN if len(decision.candidates) > _SHOWN else 0:
        lines += ["", f"And {more} more: see `decision.json` among the artifacts."]
    return "\n".join(lines)


def _row(role: str, contender: Contender) -> str:
    value = "-" if contender.value is None else f"{contender.value:.4f}"
    if contender.interval:
        value += " ({:.4f} to {:.4f})".format(*contender.interval)
    gates = [f"{'passed' if gate.passed else '**failed**'}: {_cell(gate.said)}" for gate in contender.gates]
    # Not on lines of their own: Airflow shows no HTML in Markdown.
    return f"| {contender.version} ({role}) | {value} | {'; '.join(gates or map(_cell, contender.reasons))} |"


def _cell(text: str) -> str:
    """Return a text that may stand in a cell: what users wrote is code, and breaks no table."""
    line = " ".join(text.split()).replace("|", "/")
    return code(line) if any(mark in line for mark in "<`*_[") and "'" in line else line


def _plot(metric: str, candidates: Sequence[Contender], champion: Validation | None, winner: str | None) -> bytes:
    """Return a PNG: a dot with its interval for each candidate, the champion before as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.6 + 0.35 * len(candidates)), dpi=90, layout="constrained")
    axes = figure.add_subplot()
    for place, contender in enumerate(reversed(candidates)):
        won = contender.version == winner
        color = "tab:green" if won else "tab:red" if contender.reasons and not contender.passed else "tab:gray"
        if contender.interval:
            axes.hlines(place, *contender.interval, color=color, linewidth=2, alpha=0.5)
        if contender.value is not None:
            axes.plot(contender.value, place, "o", color=color)
    axes.set_yticks(range(len(candidates)), [f"version {c.version}" for c in reversed(candidates)])
    axes.set_ylim(-0.7, len(candidates) - 0.3)
    axes.set_xlabel(f"{metric} on the holdout rows, with its 95 % interval")
    title = "green: the champion now; gray: passed its gates; red: failed one"
    if champion and champion.value is not None:
        axes.axvline(champion.value, color="tab:blue", linestyle="--")
        title += f"\ndashed: the champion before, or who stands for it: version {champion.version}"
    axes.set_title(title, fontsize=9)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()
