"""Carry out a tick: decide, host, then move alias and stage, in an order that any crash leaves mendable.

The order is: the server loads the challenger; the alias moves (one step: it says who is champion); the stage
follows and the old champion is archived; the server swaps; the decision is tagged. A tick begins by finishing
what an earlier one left: stage follows alias, and the server follows both.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.promotion.decide import Decision, decide
from dropforge.promotion.hosting import Hosting
from dropforge.promotion.validate import Validation, from_tags, measure, result_tags, validate
from dropforge.registry import Champion, Store, Version
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)


def promote(
    store: Store, pipeline: Pipeline, rows: Rows, hosting: Hosting | None, *, dry_run: bool = False
) -> Decision:
    """Consider every version that is validated and not yet decided.

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
    dry_run : bool
        Decide, and change nothing.
    """
    # The timer and a person may promote at once: the second decides on what the first one left.
    with store.exclusive(f"promote-{pipeline.name}"):
        return _promote(store, pipeline, rows, hosting, dry_run)


def _promote(store: Store, pipeline: Pipeline, rows: Rows, hosting: Hosting | None, dry_run: bool) -> Decision:
    state = store.champion(pipeline.name, pipeline.promote)
    champion = state.version
    if champion and not dry_run:
        try:
            _settle(store, pipeline, state, champion, hosting)
        except UserError as error:
            # A challenger may still replace a champion that the server cannot load.
            log.warning("the champion, version %s, is not served: %s", champion.version, error)
    undecided = [
        version
        for version in store.search(pipeline.name, {"decision": "pending"})
        if champion is None or version.version != champion.version
    ]
    if not undecided:
        keeps = f"version {champion.version} stays" if champion else "there is no champion yet"
        current = champion.version if champion else None
        return Decision(current, current, f"no new version; {keeps}", ())
    bar = _validation(store, pipeline, rows, champion, dry_run) if champion else None
    found = {version.version: version for version in undecided}
    scored = {number: _validation(store, pipeline, rows, version, dry_run) for number, version in found.items()}
    while True:
        decision = decide(bar, list(scored.values()), pipeline.promote)
        if dry_run or not decision.promotes or decision.champion is None:
            break
        winner = found[decision.champion]
        try:
            if hosting:
                hosting.prepare(winner.version)
        except UserError as error:
            # The server refuses it: it fails validation, and the next best is considered.
            refused = Validation(winner.version, scored[winner.version].value, (error.problems[0].message,))
            store.tag(winner, result_tags(pipeline.promote, rows, refused))
            scored[winner.version] = refused
            continue
        store.set_alias(winner, pipeline.promote.alias)
        _settle(store, pipeline, store.champion(pipeline.name, pipeline.promote), winner, hosting)
        break
    if not dry_run:
        _record(store, decision, list(found.values()))
    return decision


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


def _settle(store: Store, pipeline: Pipeline, state: Champion, champion: Version, hosting: Hosting | None) -> None:
    """Let alias, stage and server follow the champion."""
    if state.by_alias is None:
        store.set_alias(champion, pipeline.promote.alias)
    if state.by_stage is None or state.by_stage.version != champion.version:
        store.set_stage(champion, pipeline.promote.stage)
    if champion.tags.get("decision") == "pending":
        store.tag(champion, {"decision": "promoted"})
    if hosting and hosting.served() != champion.version:
        hosting.swap()


def _validation(store: Store, pipeline: Pipeline, rows: Rows, version: Version, dry_run: bool) -> Validation:
    known = from_tags(pipeline.promote, rows, version)
    if known:
        return known
    if dry_run:
        return measure(store, pipeline, rows, version)
    return validate(store, pipeline, rows, version)


def _record(store: Store, decision: Decision, considered: Sequence[Version]) -> None:
    contenders = {contender.version: contender for contender in decision.candidates}
    for version in considered:
        if version.version == decision.champion:
            continue
        contender = contenders[version.version]
        store.tag(version, {
            "decision": "not promoted",
            "decision_reasons": "; ".join(contender.reasons) or "another challenger was better",
        })  # fmt: skip
