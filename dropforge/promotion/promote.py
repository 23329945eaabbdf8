"""Change who is champion: by a tick, by hand, or back again. Plan, then do.

The order of a move is: the server loads the version; the decision is recorded; the alias moves (one step: it says who
is champion); the stage follows and the old champion is archived; the decision is tagged; the record is closed; the
server swaps. Whatever changes the champion begins by finishing what an earlier one left: record, stage and server
follow the alias.
"""

from __future__ import annotations

from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.promotion.decide import Contender, Decision
from dropforge.promotion.field import Field, validation_of
from dropforge.promotion.hosting import Hosting
from dropforge.promotion.moving import carry_out_move, rolled_back, settled_champion, value_of
from dropforge.promotion.steps import Refused, Tag, World
from dropforge.promotion.validate import comparable
from dropforge.registry import Store, Version
from dropforge.registry.history import BY_HAND, KEPT, PROMOTED, ROLLED_BACK, Entry, History
from dropforge.settings import Pipeline

SOMEBODY = "somebody"


def promote(
    store: Store,
    pipeline: Pipeline,
    rows: Rows,
    hosting: Hosting | None,
    *,
    by: str = SOMEBODY,
    key: str = "",
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
    key : str
        Names what asks for it: a promotion for the same key that an earlier try made is told again while it stands.
    dry_run : bool
        Decide, and change nothing.
    """
    # The timer and a person may promote at once: the second decides on what the first one left.
    with store.exclusive(f"promote-{pipeline.name}"):
        return _tick(World(store, History(store, pipeline.name), hosting), pipeline, rows, by, key, dry_run)


def promote_version(
    store: Store,
    pipeline: Pipeline,
    rows: Rows,
    hosting: Hosting | None,
    version: str,
    *,
    why: str = "",
    by: str = SOMEBODY,
    key: str = "",
    dry_run: bool = False,
) -> Decision:
    """Make a version the champion because somebody says so, whatever the gates say; they are measured all the same.

    Parameters
    ----------
    store, pipeline, rows, hosting, by, dry_run
        As in :func:`promote`.
    version : str
        Which one.
    why : str
        For the history.
    key : str
        Names what asks for it: what was done for the same key is not done again.

    Raises
    ------
    UserError
        If there is no such version, it cannot be scored, or the model server refuses it.
    """
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        champion, settled = settled_champion(world, pipeline, dry_run)
        if done := world.history.find(key):
            return _done_before(done, settled)
        wanted = existing(store, pipeline, version)
        if champion and champion.version == wanted.version:
            return Decision(version, version, f"version {version} is the champion already", (), settled)
        # Where no score would count there is none, and its tags keep what they say of the rows of then.
        scored = comparable(rows, wanted)
        found = validation_of(store, pipeline, rows, wanted, dry_run or not scored)
        if scored and found.value is None:
            raise UserError(
                Problem(f"version {version} cannot be promoted: {'; '.join(found.reasons)}", "Choose another version.")
            )
        previous = champion.version if champion else None
        verdict = _said(f"version {version} is promoted by hand", why)
        decision = Decision(version, previous, verdict, (Contender.of(found),))
        entry = Entry(BY_HAND, version, previous, pipeline.promote.metric, found.value, why or verdict, by, key)
        return carry_out_move(world, pipeline, decision, entry, wanted, settled, dry_run=dry_run)


def rollback(
    store: Store,
    pipeline: Pipeline,
    hosting: Hosting | None,
    *,
    to: str | None = None,
    why: str = "",
    by: str = SOMEBODY,
    key: str = "",
    dry_run: bool = False,
) -> Decision:
    """Bring a former champion back. The one that it replaces is not considered again until somebody promotes it.

    Parameters
    ----------
    store, pipeline, hosting, by
        As in :func:`promote`.
    to : str, optional
        The version to go back to; without it, the champion before this one that was not itself rolled back.
    why, key : str
        As in :func:`promote_version`.
    dry_run : bool
        Say what would be done, and change nothing.

    Raises
    ------
    UserError
        If there is no such champion, or the model server refuses it.
    """
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        champion, settled = settled_champion(world, pipeline, dry_run)
        if done := world.history.find(key):
            return _done_before(done, settled)
        target = _former(world, pipeline, champion, to)
        previous = champion.version if champion else None
        if target.version == previous:
            return Decision(previous, previous, f"version {previous} is the champion already", (), settled)
        verdict = _said(
            f"rolled back {f'from version {previous} ' if previous else ''}to version {target.version}", why
        )
        entry = Entry(
            ROLLED_BACK, target.version, previous, pipeline.promote.metric, value_of(pipeline, target), why or verdict,
            by, key,
        )  # fmt: skip
        decision = Decision(target.version, previous, verdict, ())
        aside = [Tag(champion, rolled_back(entry.why))] if champion else []
        return carry_out_move(world, pipeline, decision, entry, target, settled, aside, dry_run=dry_run)


def settle(store: Store, pipeline: Pipeline, hosting: Hosting | None) -> Decision:
    """Finish what an earlier promotion left, and change nothing else."""
    with store.exclusive(f"promote-{pipeline.name}"):
        world = World(store, History(store, pipeline.name), hosting)
        return nothing_new(*settled_champion(world, pipeline, dry_run=False))


def prove(rows: Rows, hosting: Hosting, version: str) -> list[object]:
    """Predict holdout rows over HTTP and check who answered.

    Raises
    ------
    RuntimeError
        If another version answered.
    """
    features, _ = rows.part("holdout")
    # The server refuses columns that the model does not take: those that `preprocess: auto` left out.
    predictions, answered = hosting.predict(features[hosting.inputs()].head(5))
    if answered != version:
        raise RuntimeError(f"the model server answers with version {answered} and not with the champion {version}")
    return predictions


def _tick(world: World, pipeline: Pipeline, rows: Rows, by: str, key: str, dry_run: bool) -> Decision:
    champion, settled = settled_champion(world, pipeline, dry_run)
    if done := promoted_before(world, champion, key, settled):
        return done
    field = Field.of(world.store, pipeline, rows, champion, dry_run)
    if not field.scored:
        return nothing_new(champion, settled)
    if held := field.wait(settled):
        return held
    while True:
        decision = field.decide()
        entry = tick_entry(pipeline, field, decision, by, key)
        winner = field.versions[decision.champion] if decision.promotes and decision.champion else None
        try:
            return carry_out_move(
                world, pipeline, decision, entry, winner, settled, field.tags(decision), dry_run=dry_run
            )
        except Refused as error:
            field.refuse(error)  # it fails validation, and the next best is considered


def tick_entry(pipeline: Pipeline, field: Field, decision: Decision, by: str, key: str) -> Entry:
    """Return what the history keeps of a tick's decision."""
    kind = PROMOTED if decision.promotes else KEPT
    value = field.value(decision.champion)
    metric = pipeline.promote.metric
    return Entry(kind, decision.champion, decision.previous, metric, value, decision.verdict, by, key)


def nothing_new(champion: Version | None, settled: tuple[str, ...]) -> Decision:
    """Return the decision of a tick that has nothing to decide."""
    keeps = f"version {champion.version} stays" if champion else "there is no champion yet"
    current = champion.version if champion else None
    return Decision(current, current, f"no new version; {keeps}", (), settled)


def _former(world: World, pipeline: Pipeline, champion: Version | None, to: str | None) -> Version:
    """Return the former champion to go back to."""
    reigns = world.history.reigns()
    if to is not None:
        wanted = existing(world.store, pipeline, to)
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


def existing(store: Store, pipeline: Pipeline, version: str) -> Version:
    """Return a version that somebody names, or raise that there is none."""
    found = store.version(pipeline.name, version)
    if found is None:
        remedy = f"`dropforge versions {pipeline.name}` shows those that there are."
        raise UserError(Problem(f"there is no version {version} of '{pipeline.name}'", remedy))
    return found


def promoted_before(world: World, champion: Version | None, key: str, settled: tuple[str, ...]) -> Decision | None:
    """Return the promotion of an earlier try, so that its run can tell of it; None if its champion is no more."""
    done = world.history.find(key)
    return _done_before(done, settled) if done and champion and done.champion == champion.version else None


def _done_before(entry: Entry, settled: tuple[str, ...]) -> Decision:
    """Return a decision that was carried out: a task may be tried again after its end."""
    return Decision(entry.champion, entry.previous, f"this was done before: {entry.why}", (), settled)


def _said(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what
