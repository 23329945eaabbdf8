"""Promotion that waits for a person: a tick proposes, somebody approves or rejects.

A proposal is the tag ``decision: proposed`` on its version, with the key of the run that asks for it: it holds no lock,
and no tick or rollback waits for it. A task that is tried again or cleared finds by the key what it proposed, and asks
for that. What was approved is compared once more with the champion of that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dropforge.data import Rows
from dropforge.promotion.decide import Decision
from dropforge.promotion.field import PENDING, PROPOSED, Field
from dropforge.promotion.hosting import Hosting
from dropforge.promotion.moving import carry_out_move, settled_champion, value_of
from dropforge.promotion.promote import existing, nothing_new, promoted_before, tick_entry
from dropforge.promotion.record import text_of
from dropforge.promotion.steps import Prepare, Refused, Step, Tag, World, carry_out
from dropforge.registry import Store, Version
from dropforge.registry.history import PROMOTED, REJECTED, Entry, History
from dropforge.settings import Pipeline

MOST = 8  # proposals that wait at once: of the 16 runs that may be active, the others stay free


def propose(
    store: Store,
    pipeline: Pipeline,
    rows: Rows,
    hosting: Hosting | None,
    *,
    by: str,
    key: str = "",
    run: str = "",
    is_active: Callable[[str], bool] = lambda run: True,
    dry_run: bool = False,
) -> Decision:
    """Decide as a tick does, but only propose the winner; a decision that moves nothing is carried out.

    Parameters
    ----------
    store, pipeline, rows, hosting, by, dry_run
        As in :func:`~dropforge.promotion.promote`.
    key : str
        Names what asks for it: what it proposed before and nobody answered yet is proposed again, and nothing else.
    run : str
        The run that asks, and waits for the answer.
    is_active : callable, optional
        Whether a run still waits. The proposals of those that do not are considered anew.

    Returns
    -------
    Decision
        It promotes if there is a proposal that somebody is to answer. Otherwise its verdict says who waits already.
    """
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        champion, settled = settled_champion(world, pipeline, dry_run)
        waiting = store.search(pipeline.name, {"decision": PROPOSED})
        for version in [v for v in waiting if not is_active(v.tags.get("proposal_run") or run)]:
            waiting.remove(version)
            if not dry_run:
                store.tag(version, {"decision": PENDING})
        if mine := _proposed_for(waiting, key):
            # Somebody may be looking at it already: the answer must be about this one.
            field, waiting = Field(store, pipeline, rows, champion, [mine], dry_run=dry_run), []
        else:
            field = Field.of(store, pipeline, rows, champion, dry_run)
        if not field.scored:
            return nothing_new(champion, settled)
        if held := field.wait(settled):
            if mine and not dry_run:
                store.tag(mine, {"decision": PENDING})
            return held
        while True:
            decision = field.decide()
            if not decision.promotes or decision.champion is None:
                entry = tick_entry(pipeline, field, decision, by, key)
                return carry_out_move(
                    world, pipeline, decision, entry, None, settled, field.tags(decision), dry_run=dry_run
                )
            winner = field.versions[decision.champion]
            if ahead := _ahead(pipeline, waiting, field.value(winner.version)):
                verdict = f"version {ahead.version} waits for approval, and is not beaten by version {winner.version}"
                return replace(decision, champion=decision.previous, verdict=verdict, steps=settled)
            try:
                # The decision is the last tag: who dies before it has proposed nothing.
                waits = {"proposal": key, "proposal_run": run}
                waits |= {"decision_reasons": decision.verdict, "decision": PROPOSED}
                steps: list[Step] = [Prepare(winner), Tag(winner, waits)]
                if not dry_run:
                    carry_out(steps, world)
                return replace(decision, steps=(*settled, *(step.explain() for step in steps)))
            except Refused as error:
                field.refuse(error)


def approve(
    store: Store, pipeline: Pipeline, rows: Rows, hosting: Hosting | None, version: str, *, by: str, key: str = ""
) -> Decision:
    """Promote a version that was proposed and approved, unless the champion of now is not beaten by it.

    Raises
    ------
    UserError
        If it was deleted, or the model server refuses it.
    """
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        champion, settled = settled_champion(world, pipeline, dry_run=False)
        if done := promoted_before(world, champion, key, settled):
            return done
        wanted = existing(store, pipeline, version)
        current = champion.version if champion else None
        if wanted.tags.get("decision") != PROPOSED:
            said = f"version {version} was decided meanwhile: {wanted.tags.get('decision')}"
            return Decision(current, current, said, (), settled)
        field = Field(store, pipeline, rows, champion, [wanted])
        if held := field.wait(settled):  # as does the version, until it can be compared
            return held
        decision = field.decide()
        verdict = f"{decision.verdict}; approved by {by}"
        decision = replace(decision, verdict=verdict)
        entry = tick_entry(pipeline, field, decision, by, key)
        winner = wanted if entry.kind == PROMOTED else None
        return carry_out_move(world, pipeline, decision, entry, winner, settled, field.tags(decision), dry_run=False)


def reject(store: Store, pipeline: Pipeline, version: str, *, why: str, by: str) -> Decision:
    """Let a proposal end without a promotion; the version is not considered again until somebody promotes it."""
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), None)
        champion, settled = settled_champion(world, pipeline, dry_run=False)
        wanted = existing(store, pipeline, version)
        current = champion.version if champion else None
        said = f"version {version} is not promoted: {why}"
        if wanted.tags.get("decision") != PROPOSED:
            return Decision(current, current, f"version {version} was decided meanwhile", (), settled)
        value = value_of(pipeline, champion) if champion else None
        entry = Entry(REJECTED, current, current, pipeline.promote.metric, value, said, by)
        decision = Decision(current, current, said, ())
        aside = [Tag(wanted, {"decision": "rejected", "decision_reasons": why})]
        return carry_out_move(world, pipeline, decision, entry, None, settled, aside, dry_run=False)


def withdraw(store: Store, pipeline: Pipeline, version: str) -> bool:
    """Let a proposal that nobody can answer any more be considered anew; return whether there was one."""
    with store.exclusive(f"promote-{pipeline.name}"):
        found = store.version(pipeline.name, version)
        if found is None or found.tags.get("decision") != PROPOSED:
            return False
        store.tag(found, {"decision": PENDING})
        return True


def comparison(pipeline: Pipeline, decision: Decision, by: str) -> str:
    """Return what a person is to decide on, in Markdown."""
    entry = Entry(PROMOTED, decision.champion, decision.previous, pipeline.promote.metric, None, decision.verdict, by)
    return text_of(pipeline.promote.metric, decision, entry, "Proposed")


def left_by(store: Store, pipeline: Pipeline, key: str) -> str | None:
    """Return the version that was proposed for a key, and is not decided yet; or None."""
    found = _proposed_for(store.search(pipeline.name, {"decision": PROPOSED}), key)
    return found.version if found else None


def _proposed_for(waiting: list[Version], key: str) -> Version | None:
    return next((version for version in waiting if key and version.tags.get("proposal") == key), None)


def _ahead(pipeline: Pipeline, waiting: list[Version], value: float | None) -> Version | None:
    """Return a proposal that waits already and is as good, or any if too many wait."""
    for version in waiting:
        known = value_of(pipeline, version)
        if len(waiting) >= MOST or (known is not None and value is not None and known >= value):
            return version
    return None
