"""Who is considered in a decision: scored on the same rows, each loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.estimators import Allowed
from dropforge.promotion.answers import Answers
from dropforge.promotion.bootstrap import Evidence, compare
from dropforge.promotion.decide import Decision, decide, wait
from dropforge.promotion.steps import Refused, Tag
from dropforge.promotion.validate import (
    Validation,
    answers_of,
    comparable,
    from_tags,
    judged,
    measure,
    outdated,
    result_tags,
    score_of,
    stand_in,
    validate,
)
from dropforge.registry import Store, Version
from dropforge.registry.measured import Measured
from dropforge.registry.models import load
from dropforge.settings import Pipeline

PENDING = "pending"
PROPOSED = "proposed"


class Field:
    """Who is considered: the champion, the versions that are not decided, and those to score anew.

    Parameters
    ----------
    store, pipeline, rows
        As in :func:`promote`.
    champion : Version, optional
        The champion.
    undecided, anew : sequence of Version
        The challengers: those that are tagged with the decision afterwards, and others.
    dry_run : bool
        Whether no result may be tagged.
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        rows: Rows,
        champion: Version | None,
        undecided: Sequence[Version],
        anew: Sequence[Version] = (),
        *,
        dry_run: bool = False,
    ) -> None:
        self.store, self.pipeline, self.rows, self.undecided = store, pipeline, rows, undecided
        challengers = (*undecided, *anew)
        self.scored = {v.version: validation_of(store, pipeline, rows, v, dry_run) for v in challengers}
        self.champion = champion.version if champion else None
        if champion and not comparable(rows, champion):
            champion = stand_in(store, pipeline, rows, champion)
        # Last: once it is scored anew, nobody else is.
        self.bar = validation_of(store, pipeline, rows, champion, dry_run) if champion else None
        self.versions = {v.version: v for v in (*challengers, *([champion] if champion else []))}
        self._score = score_of(pipeline.promote, rows)
        self._answers: dict[str, Answers] = {}

    @classmethod
    def of(cls, store: Store, pipeline: Pipeline, rows: Rows, champion: Version | None, dry_run: bool) -> Field:
        """Return the field of a tick."""
        current = champion.version if champion else None
        # What was proposed while somebody had to approve it nobody will answer any more.
        decisions = (PENDING,) if pipeline.promote.approval == "required" else (PENDING, PROPOSED)
        found = [v for decision in decisions for v in store.search(pipeline.name, {"decision": decision})]
        undecided = [v for v in found if v.version != current]
        # Before the champion is scored anew, which ends that.
        anew = outdated(store, pipeline, rows, champion)
        if not undecided and not anew:
            champion = None  # nobody to compare with
        return cls(store, pipeline, rows, champion, undecided, anew, dry_run=dry_run)

    def wait(self, settled: tuple[str, ...]) -> Decision | None:
        """Return that the champion stays where it cannot be compared, and no version stands for it yet; else None.

        It leaves no record: the next tick finds all as it is.
        """
        if self.champion is None or self.bar is not None:
            return None
        return replace(wait(self.champion, list(self.scored.values()), self.pipeline.name), steps=settled)

    def decide(self) -> Decision:
        """Return who should be champion."""
        challengers, settings = list(self.scored.values()), self.pipeline.promote
        weigh = self._weigh if self.bar and settings.confidence else None
        return decide(self.bar, challengers, settings, weigh, previous=self.champion)

    def value(self, version: str | None) -> float | None:
        """Return the metric of a version of the field."""
        found = self.scored.get(version or "")
        if not found and self.bar and self.bar.version == version:
            found = self.bar
        return found.value if found else None

    def tags(self, decision: Decision) -> list[Tag]:
        """Return what is to be written on those that were not promoted."""
        return [Tag(v, _not_promoted(decision, v)) for v in self.undecided if v.version != decision.champion]

    def refuse(self, error: Refused) -> None:
        """Let a version fail that the model server refuses."""
        number = error.version
        known = self.scored[number].measured or Measured(self.rows.holdout_digest, self.pipeline.promote.metric)
        refused = judged(number, replace(known, trouble=error.problems[0].message), self.pipeline.promote)
        self.store.tag(self.versions[number], result_tags(self.pipeline.promote, self.rows, refused))
        self.scored[number] = refused

    def _weigh(self, challenger: str, tried: int) -> Evidence:
        confidence = self.pipeline.promote.confidence or 0.0
        champion = self.bar.version if self.bar else ""
        try:
            against = self._loaded(champion)
        except UserError as error:
            return Evidence(True, f"there is nothing to compare with: {error.problems[0].message}")
        try:
            return compare(self._score, against, self._loaded(challenger), confidence, tried)
        except UserError as error:
            return Evidence(False, error.problems[0].message)

    def _loaded(self, number: str) -> Answers:
        if number not in self._answers:
            loaded = load(self.store, self.versions[number], Allowed.of(self.pipeline.train).modules)
            self._answers[number] = answers_of(loaded, self.rows)
        return self._answers[number]


def validation_of(store: Store, pipeline: Pipeline, rows: Rows, version: Version, dry_run: bool) -> Validation:
    known = from_tags(pipeline.promote, rows, version)
    if known:
        return known
    if dry_run:
        return measure(store, pipeline, rows, version)
    return validate(store, pipeline, rows, version)


def _not_promoted(decision: Decision, version: Version) -> dict[str, str]:
    reasons = next(c.reasons for c in decision.candidates if c.version == version.version)
    return {"decision": "not promoted", "decision_reasons": "; ".join(reasons) or "another challenger was better"}
