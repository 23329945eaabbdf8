"""Change who is champion: by a tick, by hand, or back again. Plan, then do.

The order of a move is: the server loads the version; the decision is recorded; the alias moves (one step: it says who
is champion); the stage follows and the old champion is archived; the decision is tagged; the record is closed; the
server swaps. Whatever changes the champion begins by finishing what an earlier one left: record, stage and server
follow the alias.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.promotion.decide import Contender, Decision, decide
from dropforge.promotion.hosting import Hosting
from dropforge.promotion.record import account_of
from dropforge.promotion.steps import (
    CloseRecord,
    MoveAlias,
    MoveStage,
    OpenRecord,
    Prepare,
    Refused,
    Step,
    Swap,
    Tag,
    World,
    carry_out,
)
from dropforge.promotion.validate import Validation, from_tags, measure, result_tags, validate
from dropforge.registry import Champion, Store, Version
from dropforge.registry.history import BY_HAND, FOUND, KEPT, PROMOTED, ROLLED_BACK, Account, Entry, History
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)

PENDING = "pending"
SOMEBODY = "somebody"


def promote(
    store: Store,
    pipeline: Pipeline,
    rows: Rows,
    hosting: Hosting | None,
    *,
    by: str = SOMEBODY,
    dry_run: bool = False,
) -> Decision:
    """Consider every version that is not yet decided, and promote the best one if it beats the champion.

    Parameters
    ----------
    store : Store
        MLflow.
    pipeline : Pipeline
        The settings.
    rows : Rows
        The data; champion and challengers are scored on the same holdout rows.
    hosting : Hosting, optional
        The model server; None where the pipeline is not hosted.
    by : str
        Who asks for it, for the record.
    dry_run : bool
        Decide, and change nothing.
    """
    # The timer and a person may promote at once: the second decides on what the first one left.
    with store.exclusive(f"promote-{pipeline.name}"):
        return _tick(World(store, History(store, pipeline.name), hosting), pipeline, rows, by, dry_run)


def promote_version(
    store: Store,
    pipeline: Pipeline,
    rows: Rows,
    hosting: Hosting | None,
    version: str,
    *,
    why: str = "",
    by: str = SOMEBODY,
    dry_run: bool = False,
) -> Decision:
    """Make a version the champion because somebody says so, whatever the gates say; they are measured all the same.

    Raises
    ------
    UserError
        If there is no such version, it cannot be scored, or the model server refuses it.
    """
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        champion, settled = _settled(world, pipeline, dry_run)
        wanted = _existing(store, pipeline, version)
        if champion and champion.version == wanted.version:
            return Decision(version, version, f"version {version} is the champion already", (), settled)
        found = _validation(store, pipeline, rows, wanted, dry_run)
        if found.value is None:
            raise UserError(
                Problem(f"version {version} cannot be promoted: {'; '.join(found.reasons)}", "Choose another version.")
            )
        previous = champion.version if champion else None
        verdict = _said(f"version {version} is promoted by hand", why)
        decision = Decision(version, previous, verdict, (Contender.of(found),))
        entry = Entry(BY_HAND, version, previous, pipeline.promote.metric, found.value, why or verdict, by)
        return _move(world, pipeline, decision, entry, wanted, settled, dry_run=dry_run)


def rollback(
    store: Store,
    pipeline: Pipeline,
    hosting: Hosting | None,
    *,
    to: str | None = None,
    why: str = "",
    by: str = SOMEBODY,
    dry_run: bool = False,
) -> Decision:
    """Bring a former champion back. The one that it replaces is not considered again until somebody promotes it.

    Parameters
    ----------
    store, pipeline, hosting
        As in :func:`promote`.
    to : str, optional
        The version to go back to; without it, the champion before this one that was not itself rolled back.
    why, by : str
        For the record.
    dry_run : bool
        Say what would be done, and change nothing.

    Raises
    ------
    UserError
        If there is no such champion, or the model server refuses it.
    """
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        champion, settled = _settled(world, pipeline, dry_run)
        target = _former(world, pipeline, champion, to)
        previous = champion.version if champion else None
        if target.version == previous:
            return Decision(previous, previous, f"version {previous} is the champion already", (), settled)
        verdict = _said(f"rolled back {f'from version {previous} ' if previous else ''}to version {target.version}", why)
        entry = Entry(
            ROLLED_BACK, target.version, previous, pipeline.promote.metric, _value(pipeline, target), why or verdict, by
        )
        decision = Decision(target.version, previous, verdict, ())
        aside = [Tag(champion, _rolled_back(entry.why))] if champion else []
        return _move(world, pipeline, decision, entry, target, settled, aside, dry_run=dry_run)


def prove(rows: Rows, hosting: Hosting, version: str) -> list[object]:
    """Predict holdout rows over HTTP and check who answered.

    Raises
    ------
    RuntimeError
        If another version answered.
    """
    features, _ = rows.part("holdout")
    predictions, answered = hosting.predict(features.head(5))
    if answered != version:
        raise RuntimeError(f"the model server answers with version {answered} and not with the champion {version}")
    return predictions


def _tick(world: World, pipeline: Pipeline, rows: Rows, by: str, dry_run: bool) -> Decision:
    store = world.store
    champion, settled = _settled(world, pipeline, dry_run)
    undecided = [
        version
        for version in store.search(pipeline.name, {"decision": PENDING})
        if champion is None or version.version != champion.version
    ]
    if not undecided:
        keeps = f"version {champion.version} stays" if champion else "there is no champion yet"
        current = champion.version if champion else None
        return Decision(current, current, f"no new version; {keeps}", (), settled)
    bar = _validation(store, pipeline, rows, champion, dry_run) if champion else None
    found = {version.version: version for version in undecided}
    scored = {number: _validation(store, pipeline, rows, version, dry_run) for number, version in found.items()}
    while True:
        decision = decide(bar, list(scored.values()), pipeline.promote)
        kind = PROMOTED if decision.promotes else KEPT
        value = scored[decision.champion].value if decision.champion in scored else bar and bar.value
        entry = Entry(
            kind, decision.champion, decision.previous, pipeline.promote.metric, value, decision.verdict, by
        )
        losers = [found[c.version] for c in decision.candidates if c.version != decision.champion]
        tags = [Tag(version, _not_promoted(decision, version)) for version in losers]
        winner = found.get(decision.champion or "")
        try:
            return _move(world, pipeline, decision, entry, winner, settled, tags, bar, dry_run=dry_run)
        except Refused as error:
            # The server refuses it: it fails validation, and the next best is considered.
            refused = Validation(error.version, scored[error.version].value, (error.problems[0].message,))
            store.tag(found[error.version], result_tags(pipeline.promote, rows, refused))
            scored[error.version] = refused


def _move(
    world: World,
    pipeline: Pipeline,
    decision: Decision,
    entry: Entry,
    winner: Version | None,
    settled: tuple[str, ...],
    aside: Sequence[Step] = (),
    bar: Validation | None = None,
    *,
    dry_run: bool,
) -> Decision:
    """Plan what a decision asks for, and carry it out unless this is a dry run; return it with its steps in words."""
    record = OpenRecord(entry, lambda: account_of(pipeline, decision, entry, bar))
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
    if not dry_run:
        carry_out(steps, world)
    return replace(decision, steps=(*settled, *(step.explain() for step in steps)))


def _settled(world: World, pipeline: Pipeline, dry_run: bool) -> tuple[Version | None, tuple[str, ...]]:
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
                yield Tag(replaced, _rolled_back(entry.why))
        yield CloseRecord(record.run_id, done)
    if known != current:
        value = _value(pipeline, champion) if champion else None
        entry = Entry(FOUND, current, known, settings.metric, value, _found(settings.alias, current, known), "unknown")
        yield OpenRecord(entry, lambda: Account(entry.why, entry.why))
        yield CloseRecord()
    if champion and world.hosting and world.hosting.served() != champion.version:
        yield Swap(champion)


def _former(world: World, pipeline: Pipeline, champion: Version | None, to: str | None) -> Version:
    """Return the former champion to go back to."""
    reigns = world.history.reigns()
    if to is not None:
        wanted = _existing(world.store, pipeline, to)
        if to not in {reign.version for reign in reigns}:
            remedy = f"Use `dropforge promote {pipeline.name} --version {to}`, or name one that `history` shows."
            raise UserError(Problem(f"version {to} was never champion", remedy))
        return wanted
    for reign in reigns:
        if champion is None or reign.version != champion.version:
            found = world.store.version(pipeline.name, reign.version)
            if found and found.tags.get("decision") != "rolled back":
                return found
    raise UserError(
        Problem(
            f"there is no former champion of '{pipeline.name}' to go back to",
            f"See `dropforge history {pipeline.name}`; any version can be promoted with `promote --version`.",
        )
    )


def _existing(store: Store, pipeline: Pipeline, version: str) -> Version:
    found = store.version(pipeline.name, version)
    if found is None:
        remedy = f"`dropforge versions {pipeline.name}` shows those that there are."
        raise UserError(Problem(f"there is no version {version} of '{pipeline.name}'", remedy))
    return found


def _validation(store: Store, pipeline: Pipeline, rows: Rows, version: Version, dry_run: bool) -> Validation:
    known = from_tags(pipeline.promote, rows, version)
    if known:
        return known
    if dry_run:
        return measure(store, pipeline, rows, version)
    return validate(store, pipeline, rows, version)


def _value(pipeline: Pipeline, version: Version) -> float | None:
    """Return the value of the metric that a version's tags tell."""
    value = version.tags.get(f"holdout_{pipeline.promote.metric}")
    return float(value) if value else None


_PROMOTED: Mapping[str, str] = {"decision": "promoted"}


def _not_promoted(decision: Decision, version: Version) -> dict[str, str]:
    reasons = next(c.reasons for c in decision.candidates if c.version == version.version)
    return {"decision": "not promoted", "decision_reasons": "; ".join(reasons) or "another challenger was better"}


def _rolled_back(why: str) -> dict[str, str]:
    return {"decision": "rolled back", "decision_reasons": why}


def _said(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def _found(alias: str, current: str | None, known: str | None) -> str:
    if current is None:
        return f"version {known} lost the alias {alias}, or was deleted, outside of Dropforge"
    if known is None:
        return f"version {current} held the alias {alias} already"
    return f"the alias {alias} was moved from version {known} to version {current} outside of Dropforge"
