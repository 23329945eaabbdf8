"""The text of a proposed pipeline: the spec's keys, each with the reason for its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dropforge.data.columns import Column
from dropforge.data.rows import SHOWN_CLASSES
from dropforge.documents import one_line, printable
from dropforge.start.proposal import SLOW_ROWS, Proposal
from dropforge.start.target import Classes

HEAD = """\
# What Dropforge does in this project. After an edit: `dropforge generate`.
version: 1

pipelines:
"""
IGNORED = (".dropforge/", "configs/*/.claims/", "configs/*/done/", "configs/*/rejected/")
_METRICS = {
    "accuracy": "the share of right answers, as the classes are about equally frequent",
    "balanced_accuracy": "the share of right answers in each class, so that the rare one counts as much",
    "f1_macro": "the F1 of each class, so that rare ones count as much",
}


def spec_text(proposal: Proposal) -> str:
    """Return a spec that declares one pipeline."""
    return HEAD + entry_text(proposal)


def part_text(proposal: Proposal, defaults: Mapping[str, Any]) -> str:
    """Return a file of ``pipelines.d`` that declares one pipeline."""
    return "pipelines:\n" + entry_text(proposal, defaults)


def gitignore_text() -> str:
    """Return what version control is to leave out."""
    return "# Dropforge's own state, and what became of dropped configs.\n" + "".join(f"{line}\n" for line in IGNORED)


def entry_text(proposal: Proposal, defaults: Mapping[str, Any] | None = None, indent: str = "  ") -> str:
    """Return a pipeline as it stands below ``pipelines:``.

    Parameters
    ----------
    proposal : Proposal
        The pipeline.
    defaults : Mapping, optional
        Those of the spec: where they have a rule of the house, such as the schedule, it is left to them.
    indent : str
        What its name is indented by.
    """
    return "".join(f"{indent}{line}\n" if line else "\n" for line in _lines(proposal, defaults or {}))


def _lines(proposal: Proposal, defaults: Mapping[str, Any]) -> Iterator[str]:
    split, name = proposal.split, proposal.source.rpartition("/")[2]
    yield f"{proposal.name}:"
    yield f"  description: {text(f'Predicts {proposal.target} from {name}')}"
    yield "  data:"
    yield f"    source: {text(proposal.source)}"
    yield from _comment(f"The column to predict: {shares_text(proposal.classes)} of {proposal.rows} rows.", "    ")
    yield f"    target: {text(proposal.target)}"
    if proposal.id:
        yield "    # Another value in each row: it is not learned from, and a row's part depends on it alone."
        yield f"    id: {text(proposal.id)}"
    if left := [column.name for column in proposal.columns if not column.used]:
        yield "    # Columns that no model can learn from as they are."
        yield "    features:"
        yield f"      exclude: {_names(left)}"
    yield "    # Under this seed every class is in every part. Rows that are added later move no other row."
    yield f"    split: {{test: {split.test}, holdout: {split.holdout}, seed: {split.seed}}}"
    yield "  train:"
    yield "    # Drop configs here: three samples are in it."
    yield f"    watch: configs/{proposal.name}"
    if not _has(defaults, "train", "estimators"):
        yield '    # Any classifier of scikit-learn; "lightgbm.*" would admit those of another package.'
        yield '    estimators: ["sklearn.*"]'
    if proposal.deny and not _has(defaults, "train", "deny"):
        yield f"    # With more than {SLOW_ROWS} rows these take very long; remove one to allow it."
        yield f"    deny: {one_line(list(proposal.deny))}"
    if not _has(defaults, "train", "timeout_seconds"):
        yield "    timeout_seconds: 600                      # the limit of one candidate"
    yield "  promote:"
    if not _has(defaults, "promote", "on_new_version"):
        yield "    on_new_version: true                      # as soon as a version is registered, and ..."
    if not _has(defaults, "promote", "schedule"):
        yield '    schedule: "*/5 * * * *"                   # cron, a preset (@hourly) or an interval (30s, 5m, 1h)'
    yield f"    # A scorer of scikit-learn: {_METRICS[proposal.metric]}."
    yield f"    metric: {proposal.metric}"
    yield f"    # To name the most frequent class every time gives {proposal.guess:.2f}: no champion without more."
    yield f"    minimum: {proposal.minimum}"
    if not _has(defaults, "promote", "confidence"):
        yield "    # Any lead counts, one by luck as well. With this line a challenger must show that its lead is more:"
        yield "    # confidence: 0.95"
    if not _has(defaults, "host", "enabled"):
        yield "  host: {enabled: true}                       # POST /models/" + f"{proposal.name}/invocations"


def _names(names: list[str]) -> str:
    """Return a list of names as a value of the spec."""
    return one_line([name.replace("${", "$${") for name in names])


def text(value: str) -> str:
    """Return a text as a value of the spec, where ``${`` would begin a variable of the environment."""
    return one_line(value.replace("${", "$${"))


def shares_text(classes: Classes) -> str:
    """Return the classes with their shares of the rows, the most frequent first, as far as they can be shown."""
    shares = list(classes.shares.items())
    named = ", ".join(f"{label} {share:.0%}" for label, share in shares[:SHOWN_CLASSES])
    return f"{named} and {len(shares) - SHOWN_CLASSES} more classes" if len(shares) > SHOWN_CLASSES else named


def column_lines(columns: tuple[Column, ...]) -> Iterator[str]:
    """Yield a line for each column that is more than plain numbers."""
    for column in columns:
        if column.note:
            yield f"{printable(column.name)}: {column.note}"


def _comment(words: str, indent: str) -> Iterator[str]:
    yield f"{indent}# {printable(words)}"


def _has(defaults: Mapping[str, Any], section: str, key: str) -> bool:
    found = defaults.get(section)
    return isinstance(found, Mapping) and key in found
