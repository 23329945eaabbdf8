"""Carry out a decision, and finish what an earlier one left: the steps, in their order."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dropforge.documents import UserError
from dropforge.promotion.decide import Decision
from dropforge.promotion.record import account_of
from dropforge.promotion.steps import (
    CloseRecord,
    MoveAlias,
    MoveStage,
    OpenRecord,
    Prepare,
    Step,
    Swap,
    Tag,
    World,
    carry_out,
)
from dropforge.registry import Champion, Version
from dropforge.registry.history import FOUND, ROLLED_BACK, Account, Entry
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)

_PROMOTED: Mapping[str, str] = {"decision": "promoted"}


def rolled_back(why: str) -> dict[str, str]:
    """Return the tags of a version that was rolled back from."""
    return {"decision": "rolled back", "decision_reasons": why}


def carry_out_move(
    world: World,
    pipeline: Pipeline,
    decision: Decision,
    entry: Entry,
    winner: Version | None,
    settled: tuple[str, ...],
    aside: Sequence[Step] = (),
    *,
    dry_run: bool,
) -> Decision:
    """Plan what a decision asks for, and carry it out unless this is a dry run; return it with its steps in words."""
    account = functools.partial(account_of, pipeline, decision, entry)
    if dry_run:
        steps = _moving(world, pipeline, OpenRecord(entry, account), winner, aside)
    else:
        with ThreadPoolExecutor(1) as meanwhile:
            # It holds a plot, which is drawn while the server loads the version.
            steps = _moving(world, pipeline, OpenRecord(entry, meanwhile.submit(account).result), winner, aside)
            carry_out(steps, world)
    return replace(decision, steps=(*settled, *(step.explain() for step in steps)))


def _moving(
    world: World, pipeline: Pipeline, record: OpenRecord, winner: Version | None, aside: Sequence[Step]
) -> list[Step]:
    """Return the steps that carry a decision out: a winner's move, or the record alone."""
    steps: list[Step] = [record, *aside, CloseRecord()]
    if winner:
        steps = [
            *([Prepare(winner)] if world.hosting else []),
            record,
            MoveAlias(winner, pipeline.promote.alias),
            MoveStage(winner, pipeline.promote.stage),
            Tag(winner, _PROMOTED),
            *aside,
            CloseRecord(),
            *([Swap(winner)] if world.hosting else []),
        ]
    return steps


def settled_champion(world: World, pipeline: Pipeline, dry_run: bool) -> tuple[Version | None, tuple[str, ...]]:
    """Finish what an earlier promotion left, and return the champion, and what was to do in words."""
    state = world.store.champion(pipeline.name, pipeline.promote)
    steps = list(_settling(world, pipeline, state))
    if not dry_run:
        try:
            carry_out(steps, world)
        except UserError as error:
            # A challenger may still replace a champion that the server cannot load.
            log.warning("the champion is not served: %s", error)
    return state.version, tuple(step.explain() for step in steps)


def _settling(world: World, pipeline: Pipeline, state: Champion) -> Iterable[Step]:
    """Give the steps that let stage, tags, record and server follow the alias; none where all agree."""
    champion, settings = state.version, pipeline.promote
    current = champion.version if champion else None
    if champion and state.by_alias is None:
        yield MoveAlias(champion, settings.alias)
    if champion and (state.by_stage is None or state.by_stage.version != champion.version):
        yield MoveStage(champion, settings.stage)
    if champion and champion.tags.get("decision") != "promoted":
        yield Tag(champion, _PROMOTED)
    unfinished = world.history.unfinished()
    last = world.history.last()
    known = last.entry.champion if last else None
    for record in unfinished:
        entry = record.entry
        done = entry.moves and entry.champion == current
        if done:
            known = current
            replaced = world.store.version(pipeline.name, entry.previous or "")
            if entry.kind == ROLLED_BACK and replaced:
                yield Tag(replaced, rolled_back(entry.why))
        yield CloseRecord(record.run_id, done)
    if known != current:
        value = value_of(pipeline, champion) if champion else None
        entry = Entry(FOUND, current, known, settings.metric, value, _found(settings.alias, current, known), "unknown")
        yield OpenRecord(entry, lambda: Account(entry.why, entry.why))
        yield CloseRecord()
    if champion and world.hosting and world.hosting.served() != champion.version:
        yield Swap(champion)


def value_of(pipeline: Pipeline, version: Version) -> float | None:
    """Return the value of the metric that a version's tags tell."""
    value = version.tags.get(f"holdout_{pipeline.promote.metric}")
    return float(value) if value else None


def _found(alias: str, current: str | None, known: str | None) -> str:
    if current is None:
        return f"version {known} lost the alias {alias}, or was deleted, outside of Dropforge"
    if known is None:
        return f"version {current} held the alias {alias} already"
    return f"the alias {alias} was moved from version {known} to version {current} outside of Dropforge"
