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


def account_of(pipeline: Pipeline, decision: Decision, entry: Entry, champion: Validation | None) -> Account:
    """Return the account of a decision.

    Parameters
    ----------
    pipeline : Pipeline
        The settings.
    decision : Decision
        What was decided.
    entry : Entry
        What the history keeps of it.
    champion : Validation, optional
        The champion before, if it was compared with.
    """
    metric = pipeline.promote.metric
    shown = decision.candidates[:_SHOWN]
    files = {"decision.json": json.dumps(_plain(pipeline, decision, entry), indent=2).encode()}
    scored = [c for c in shown if c.value is not None]
    if scored:
        files["candidates.png"] = _plot(metric, scored, champion, decision.champion)
    values = {} if entry.value is None else {f"holdout_{metric}": entry.value}
    return Account(_name(entry), _text(metric, decision, entry, champion), values, files)


def _name(entry: Entry) -> str:
    if not entry.moves:
        return f"version {entry.champion} stays" if entry.champion else "no champion yet"
    verb = {"rolled back": "rolled back to", "by hand": "by hand:"}.get(entry.kind, "promoted:")
    return f"{verb} version {entry.champion}"


def _plain(pipeline: Pipeline, decision: Decision, entry: Entry) -> dict[str, object]:
    return {**decision.to_plain(), **entry.to_tags(), "spec_digest": pipeline.digest}


def _text(metric: str, decision: Decision, entry: Entry, champion: Validation | None) -> str:
    """Return the decision in words, in Markdown: MLflow shows it on the run's page."""
    lines = [f"**{decision.verdict}**", "", f"Decided by {entry.by}."]
    rows = list(decision.candidates[:_SHOWN])
    if rows:
        lines += ["", f"| version | {metric} | what was found |", "|---|---|---|"]
        if champion:
            lines.append(_row(Contender.of(champion), f"the champion before: version {champion.version}"))
        lines += [_row(c, "passed every gate" if c.passed else "") for c in rows]
        if more := len(decision.candidates) - len(rows):
            lines += ["", f"And {more} more: see `decision.json` among the artifacts."]
    return "\n".join(lines)


def _row(contender: Contender, otherwise: str) -> str:
    value = "-" if contender.value is None else f"{contender.value:.4f}"
    found = "<br>".join(_cell(reason) for reason in contender.reasons) or otherwise
    return f"| {contender.version} | {value} | {found} |"


def _cell(text: str) -> str:
    return code(text) if any(mark in text for mark in "|<`*_\n") and "\n" not in text else text.replace("\n", " ")


def _plot(metric: str, candidates: Sequence[Contender], champion: Validation | None, winner: str | None) -> bytes:
    """Return a PNG: a dot for each candidate, the champion as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.3 * len(candidates)), dpi=90, layout="constrained")
    axes = figure.add_subplot()
    for place, contender in enumerate(reversed(candidates)):
        color = "tab:green" if contender.version == winner else "tab:gray" if contender.passed else "tab:red"
        axes.plot(contender.value, place, "o", color=color)
    if champion and champion.value is not None:
        axes.axvline(champion.value, color="tab:blue", linestyle="--", label=f"champion before: {champion.version}")
        axes.legend(loc="lower right")
    axes.set_yticks(range(len(candidates)), [f"version {c.version}" for c in reversed(candidates)])
    axes.set_xlabel(f"{metric} on the holdout rows")
    axes.set_title("green: the champion now; gray: passed; red: failed a gate", fontsize=9)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()


