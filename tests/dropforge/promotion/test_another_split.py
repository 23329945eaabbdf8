"""The split was changed: who was trained on what are holdout rows now is not scored on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dropforge.data import Rows, load
from dropforge.project import Project
from dropforge.promotion import approval, promote, promote_version, to_score
from dropforge.registry import Store
from dropforge.registry.history import History
from tests.dropforge.promotion.test_promote import assert_one_champion, score, set_aside, snapshot
from tests.dropforge.wine import FOREST, STUMP, WINE, crown, train_config, version_of

OTHER = replace(WINE, data=replace(WINE.data, split=replace(WINE.data.split, seed=43)))


@pytest.fixture
def others(desk: Project) -> Rows:
    """The same wines, split by another seed."""
    return load(OTHER.data, desk.home)


def train(config: bytes, rows: Rows, project: Project, file: str = "model.yaml") -> str:
    """Train a config on the split of today."""
    outcome = train_config(config, rows, project, OTHER, file)
    assert (outcome.status, outcome.error) == ("trained", "")
    return str(outcome.version)


def test_a_champion_is_not_scored_on_rows_that_it_trained_on_and_nobody_is_decided(
    store: Store, desk: Project, rows: Rows, others: Rows
) -> None:
    for number, value in ((1, 0.85), (2, 0.9), (3, 0.95)):
        score(store, rows, number, value)
    crown(store, 3)
    set_aside(store, 1, 2)
    promote(store, WINE, rows, None)  # so that it is in the history
    challenger = train(STUMP, others, desk)
    score(store, others, int(challenger), 0.9)
    before = snapshot(store)
    assert to_score(store, OTHER, others) == []
    decision = promote(store, OTHER, others, None)
    assert decision.verdict.startswith("version 3 stays: it was trained on another split of the rows")
    assert "`dropforge retrain wine`" in decision.verdict
    assert [(c.version, c.value) for c in decision.candidates] == [(challenger, 0.9)]
    assert approval.propose(store, OTHER, others, None, by="the timer").verdict == decision.verdict
    assert snapshot(store) == before, "nothing is tagged, and the challenger stays pending"
    assert store.client.search_runs([store.experiment("wine-promotions")], "tags.kind = 'kept'") == []


@pytest.mark.parametrize(("of_challenger", "wins"), [(0.97, "challenger"), (0.95, "champion's twin")])
def test_the_champion_trained_anew_is_compared_in_its_place(
    store: Store, desk: Project, others: Rows, of_challenger: float, wins: str
) -> None:
    crown(store, 3)
    set_aside(store, 1, 2)
    challenger, twin = train(STUMP, others, desk), train(FOREST, others, desk, "by another name.yaml")
    score(store, others, int(challenger), of_challenger)
    score(store, others, int(twin), 0.95)
    winner, loser = (challenger, twin) if wins == "challenger" else (twin, challenger)
    decision = promote(store, OTHER, others, None)
    assert (decision.champion, decision.previous) == (winner, "3")
    why = f" (version {twin} is version 3 trained anew, as the rows are split in another way now)"
    told = {
        challenger: f"version {challenger} beats version 3: f1_macro 0.9700 against 0.9500",
        twin: f"version {twin} replaces version 3: f1_macro 0.9500",
    }
    assert decision.verdict == told[winner] + why
    assert version_of(store, loser).tags["decision"] == "not promoted"
    assert_one_champion(store, int(winner))
    (reign, *_) = History(store, "wine").reigns()
    run = store.client.search_runs([store.experiment("wine-promotions")], "tags.kind = 'promoted'")[0]
    assert (reign.version, reign.entry.why) == (winner, decision.verdict)
    assert f"| {twin} (stands for version 3) |" in run.data.tags["mlflow.note.content"]
    assert promote(store, OTHER, others, None).verdict == f"no new version; version {winner} stays"


def test_who_stands_for_the_champion_must_be_beaten_though_it_was_decided_before(
    store: Store, desk: Project, others: Rows
) -> None:
    crown(store, 3)
    set_aside(store, 1, 2)
    twin, challenger = train(FOREST, others, desk), train(STUMP, others, desk)
    score(store, others, int(twin), 0.95)
    set_aside(store, int(twin))
    score(store, others, int(challenger), 0.9)
    assert promote(store, OTHER, others, None).champion == "3"
    assert version_of(store, challenger).tags["decision_reasons"] == "does not beat the champion's 0.9500"


def test_a_challenger_of_another_split_fails_with_the_reason(store: Store, others: Rows) -> None:
    set_aside(store, 1, 2)
    assert promote(store, OTHER, others, None).champion is None
    tags = version_of(store, 3).tags
    assert (tags["validation_status"], tags["decision"]) == ("failed", "not promoted")
    assert "it was trained on another split of the rows" in tags["decision_reasons"]
    assert "holdout_f1_macro" not in tags


def test_old_versions_of_another_split_do_not_compete_again(
    store: Store, desk: Project, rows: Rows, others: Rows
) -> None:
    for number in (1, 2, 3):
        score(store, rows, number, 0.9)
    set_aside(store, 1, 2, 3)
    champion = train(FOREST, others, desk)
    score(store, replace(others, holdout_digest="before rows were added"), int(champion), 0.9)
    crown(store, int(champion))
    assert to_score(store, OTHER, others) == []


def test_a_person_may_promote_one_of_another_split_and_it_gets_no_score(store: Store, rows: Rows, others: Rows) -> None:
    score(store, rows, 3, 0.9)
    before = version_of(store, 3).tags
    decision = promote_version(store, OTHER, others, None, "3", by="ada")
    assert [(c.version, c.value) for c in decision.candidates] == [("3", None)]
    assert_one_champion(store, 3)
    assert version_of(store, 3).tags == {**before, "decision": "promoted"}
