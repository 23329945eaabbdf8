"""Who was champion, from when to when, and why: every decision is a run in the experiment ``<pipeline>-promotions``.

A decision that moves the champion is recorded before anything moves, and the record is closed when all has moved. So
a record that is still open says what a crash left, and the history has no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from mlflow.entities import Metric, Run, RunStatus
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from dropforge.registry.once import once
from dropforge.registry.store import Store

PROMOTED, KEPT, BY_HAND, ROLLED_BACK = "promoted", "kept", "by hand", "rolled back"
REJECTED, FOUND = "rejected", "found"
_PAGE = 1000


@dataclass(frozen=True)
class Entry:
    """One decision.

    Parameters
    ----------
    kind : str
        ``promoted`` or ``kept`` by a tick, ``by hand``, ``rolled back``, ``rejected`` by a person, or ``found``:
        somebody moved the alias in MLflow.
    champion, previous : str, optional
        The champion after and before.
    metric : str
        What was compared.
    value : float, optional
        The champion's value of it.
    why, by : str
        Why, and who decided.
    key : str
        Names what asked for it, so that it is done once.
    """

    kind: str
    champion: str | None
    previous: str | None
    metric: str
    value: float | None
    why: str
    by: str
    key: str = ""

    @property
    def moves(self) -> bool:
        """Whether the champion changes."""
        return self.champion != self.previous

    def to_tags(self) -> dict[str, str]:
        """Return the decision as tags of a run."""
        return {
            "kind": self.kind,
            "champion": self.champion or "",
            "previous": self.previous or "",
            "moves": str(self.moves).lower(),
            "metric": self.metric,
            "value": "" if self.value is None else repr(self.value),
            "why": self.why[:5000],
            "by": self.by,
            "key": self.key,
        }


@dataclass(frozen=True)
class Recorded:
    """A decision's record: its run, and when it was made."""

    entry: Entry
    run_id: str
    at: datetime


@dataclass(frozen=True)
class Reign:
    """A version's time as champion; ``until`` is None while it lasts."""

    version: str
    begin: datetime
    until: datetime | None
    entry: Entry

    def to_plain(self) -> dict[str, Any]:
        """Return plain values: an item of ``history --json``."""
        return {
            "version": self.version,
            "from": self.begin.isoformat(timespec="seconds"),
            "until": self.until.isoformat(timespec="seconds") if self.until else None,
            "metric": self.entry.metric,
            "value": self.entry.value,
            "why": self.entry.why,
            "by": self.entry.by,
        }


@dataclass(frozen=True)
class Account:
    """What a record says beside its entry: a name, a text in Markdown, numbers, and files by name."""

    name: str
    text: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


class History:
    """A pipeline's decisions in MLflow."""

    def __init__(self, store: Store, pipeline: str) -> None:
        self.store = store
        self.experiment = f"{pipeline}-promotions"

    def open(self, entry: Entry, account: Account) -> str:
        """Record a decision that is about to be carried out, and return its run's id."""
        import tempfile
        from pathlib import Path

        tags = entry.to_tags() | {"mlflow.note.content": account.text, "mlflow.source.name": "dropforge"}
        client = self.store.client
        run: Run = once(
            lambda: self.store.create_run(self.experiment, tags, account.name),
            lambda: next((run for run in self._search("attributes.status = 'RUNNING'")), None),
        )
        run_id = str(run.info.run_id)
        metrics = [Metric(name, value, run.info.start_time, 0) for name, value in account.metrics.items()]
        if metrics:
            client.log_batch(run_id, metrics=metrics)
        if account.files:
            with tempfile.TemporaryDirectory(prefix="dropforge-") as folder:
                for name, content in account.files.items():
                    Path(folder, name).write_bytes(content)
                get_artifact_repository(run.info.artifact_uri).log_artifacts(folder)
        return run_id

    def close(self, run_id: str, *, done: bool = True) -> None:
        """Say that a decision was carried out, or that nothing came of it."""
        self.store.client.set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED if done else RunStatus.KILLED))

    def unfinished(self) -> list[Recorded]:
        """Return the decisions that a crash left open, oldest first; who asks holds the pipeline's lock."""
        return [_recorded(run) for run in self._search("attributes.status = 'RUNNING'")][::-1]

    def last(self) -> Recorded | None:
        """Return the decision that made the champion of today."""
        return next(iter(self.moves(1)), None)

    def moves(self, most: int = _PAGE) -> Iterator[Recorded]:
        """Give the decisions that moved the champion, newest first, and read no more of them than are taken."""
        found = self._search("tags.moves = 'true' and attributes.status = 'FINISHED'", most)
        return (_recorded(run) for run in found)

    def find(self, key: str) -> Entry | None:
        """Return the decision that moved the champion for ``key``, or None."""
        condition = f"tags.key = '{key}' and tags.moves = 'true' and attributes.status = 'FINISHED'"
        found = self._search(condition, 1) if key else ()
        return next((_recorded(run).entry for run in found), None)

    def reigns(self) -> list[Reign]:
        """Return who was champion, newest first."""
        found, until = [], None
        for record in self.moves():
            if record.entry.champion:
                found.append(Reign(record.entry.champion, record.at, until, record.entry))
            until = record.at
        return found

    def _search(self, condition: str, page: int = _PAGE) -> Iterable[Run]:
        client = self.store.client
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return ()

        def pages() -> Iterator[list[Run]]:
            token = None
            while True:
                found = client.search_runs(
                    [experiment.experiment_id],
                    condition,
                    order_by=["attributes.start_time DESC"],
                    max_results=page,
                    page_token=token,
                )
                yield found
                token = found.token
                if not token:
                    return

        return chain.from_iterable(pages())


def _recorded(run: Run) -> Recorded:
    tags = run.data.tags
    entry = Entry(
        kind=tags.get("kind", ""),
        champion=tags.get("champion") or None,
        previous=tags.get("previous") or None,
        metric=tags.get("metric", ""),
        value=float(tags["value"]) if tags.get("value") else None,
        why=tags.get("why", ""),
        by=tags.get("by", ""),
        key=tags.get("key", ""),
    )
    return Recorded(entry, run.info.run_id, datetime.fromtimestamp(run.info.start_time / 1000, UTC))
