"""A tick of promotion on a real store, with a real model server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dropforge.data import Rows
from dropforge.data import load as load_rows
from dropforge.promotion import Hosting, Unanswered, Validation, promote, prove, validate
from dropforge.promotion.validate import result_tags
from dropforge.registry import Store
from dropforge.registry.measured import measured_of
from dropforge.registry.models import load
from dropforge.serving.models import ServedModel
from tests.dropforge.wine import WINE, crown, promoting, register_copy, version_of

# On the holdout rows the stump (1) has f1_macro 0.49, the tree (2) 1.00 and the forest (3) 0.94.


class Crash(Exception):
    """The process dies here."""


@pytest.fixture
def hosting(store: Store, serve: Callable[..., str]) -> Hosting:
    return Hosting(serve({"wine": ServedModel(store, WINE)}), "wine")


def score(store: Store, rows: Rows, number: int, value: float, metric: str = "f1_macro") -> None:
    """Have a version validated with a value."""
    version = version_of(store, number)
    store.tag(version, result_tags(replace(WINE.promote, metric=metric), rows, Validation(version.version, value, ())))


def set_aside(store: Store, *numbers: int) -> None:
    """Have versions decided already, so that no tick considers them."""
    for number in numbers:
        store.tag(version_of(store, number), {"decision": "not promoted"})


def snapshot(store: Store) -> Any:
    """Everything that a tick may change."""
    model = store.client.get_registered_model("wine")
    runs = store.client.search_runs([store.experiment("wine")])
    return (
        sorted((v.number, v.stage, sorted(v.tags.items())) for v in store.search("wine", {})),
        dict(model.aliases),
        dict(model.tags),
        {run.info.run_id: (run.data.tags, run.data.metrics) for run in runs},
    )


def assert_one_champion(store: Store, number: int, hosting: Hosting | None = None) -> None:
    """Alias, stage, tags and the server name one version, and no other is in the stage."""
    champion = store.champion("wine", WINE.promote)
    assert champion.by_alias == champion.by_stage
    assert champion.version == version_of(store, number)
    aliases = store.client.get_registered_model("wine").aliases
    assert {alias: str(holder) for alias, holder in aliases.items()} == {"production": str(number)}
    stages = {version.number: version.stage for version in store.search("wine", {})}
    assert [found for found, stage in stages.items() if stage == "Production"] == [number]
    assert champion.version.tags["decision"] == "promoted"
    if hosting:
        assert hosting.served() == str(number)


def test_best_that_passes_is_the_first_champion(store: Store, rows: Rows, hosting: Hosting) -> None:
    decision = promote(store, WINE, rows, hosting)
    assert (decision.champion, decision.previous) == ("2", None)
    assert [contender.version for contender in decision.candidates] == ["2", "3", "1"]
    assert_one_champion(store, 2, hosting)


def test_version_below_the_minimum_is_tagged_with_the_reason_and_stays(store: Store, rows: Rows) -> None:
    set_aside(store, 2, 3)
    decision = promote(store, WINE, rows, None)
    assert decision.champion is None
    assert decision.verdict == "no challenger passed validation; there is no champion yet"
    version = version_of(store, 1)
    assert version.stage == "None"
    assert version.tags["validation_status"] == "failed"
    assert "below the minimum 0.8" in version.tags["validation_reasons"]
    assert version.tags["decision"] == "not promoted"
    assert "below the minimum 0.8" in version.tags["decision_reasons"]


def test_better_challenger_replaces_the_champion_which_is_archived(store: Store, rows: Rows, hosting: Hosting) -> None:
    crown(store, 3)
    set_aside(store, 1)
    decision = promote(store, WINE, rows, hosting)
    assert (decision.champion, decision.previous) == ("2", "3")
    assert "version 2 beats version 3" in decision.verdict
    assert_one_champion(store, 2, hosting)
    assert version_of(store, 3).stage == "Archived"


def test_worse_challenger_changes_nothing_but_its_tags(store: Store, rows: Rows, hosting: Hosting) -> None:
    crown(store, 2)
    set_aside(store, 1)
    assert promote(store, WINE, rows, hosting).champion == "2"
    assert_one_champion(store, 2, hosting)
    assert version_of(store, 3).tags["decision_reasons"] == "does not beat the champion's 1.0000"


def test_tie_goes_to_the_champion(store: Store, rows: Rows, tmp_path: Path) -> None:
    crown(store, 2)
    set_aside(store, 1, 3)
    twin, _ = register_copy(store, 3, tmp_path / "twin")
    shutil.rmtree(tmp_path / "twin")
    shutil.copytree(store.client.get_model_version_download_uri("wine", "2").removeprefix("file://"), tmp_path / "twin")
    store.tag(twin, {"decision": "pending"})
    decision = promote(store, WINE, rows, None)
    assert decision.candidates[0].value == 1.0
    assert not decision.promotes
    assert_one_champion(store, 2)


def test_challenger_must_be_better_by_the_least_improvement(store: Store, rows: Rows) -> None:
    crown(store, 3)
    set_aside(store, 1)
    assert promote(store, promoting(min_improvement=0.1), rows, None).champion == "3"
    store.tag(version_of(store, 2), {"decision": "pending"})
    assert promote(store, promoting(min_improvement=0.05), rows, None).champion == "2"


def test_scorer_that_is_negative_promotes_the_smaller_loss(store: Store, rows: Rows) -> None:
    settings = promoting(metric="neg_log_loss", minimum=-5.0)
    decision = promote(store, settings, rows, None)
    losses = {contender.version: -contender.value for contender in decision.candidates}
    assert decision.champion == min(losses, key=losses.get)
    assert all(loss > 0 for loss in losses.values())


def test_tick_without_new_versions_says_so(store: Store, rows: Rows, hosting: Hosting) -> None:
    promote(store, WINE, rows, hosting)
    before = snapshot(store)
    decision = promote(store, WINE, rows, hosting)
    assert decision.verdict == "no new version; version 2 stays"
    assert snapshot(store) == before


def test_tick_of_a_pipeline_that_trained_nothing_says_so(store: Store, rows: Rows) -> None:
    decision = promote(store, replace(WINE, name="digits"), rows, None)
    assert decision.to_plain() == {
        "champion": None, "previous": None, "verdict": "no new version; there is no champion yet", "candidates": []
    }  # fmt: skip


@pytest.mark.parametrize("champion", [None, 3])
@pytest.mark.parametrize(
    ("owner", "step", "call"),
    [
        (Hosting, "prepare", 1),
        (Store, "set_alias", 1),
        (Store, "set_stage", 1),
        (Store, "tag", 1),  # the new champion as promoted
        (Hosting, "swap", 1),
        (Store, "tag", 2),  # the others as not promoted
    ],
)
def test_tick_after_a_crash_at_any_step_leaves_one_champion(
    store: Store, rows: Rows, hosting: Hosting, monkeypatch: pytest.MonkeyPatch,
    owner: type, step: str, call: int, champion: int | None,
) -> None:  # fmt: skip
    if champion:
        crown(store, champion)
        hosting.swap()
    for number, value in ((1, 0.85), (2, 0.99), (3, 0.9)):
        score(store, rows, number, value)
    done, calls = getattr(owner, step), []

    def crash(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == call:
            raise Crash
        return done(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(Crash):
            promote(store, WINE, rows, hosting)
    # Whatever was left, somebody answers: the old champion or the new one.
    assert hosting.served() in (str(champion) if champion else None, "2")
    promote(store, WINE, rows, hosting)
    assert_one_champion(store, 2, hosting)
    if champion:
        assert version_of(store, champion).stage == "Archived"
    assert store.search("wine", {"decision": "pending"}) == []


def test_version_that_the_server_refuses_gives_way_to_the_next_best(
    store: Store, rows: Rows, hosting: Hosting, tmp_path: Path
) -> None:
    set_aside(store, 2)
    best, folder = register_copy(store, 3, tmp_path / "copy")
    (folder / "model.skops").unlink()
    score(store, rows, best.number, 0.999)  # it was whole when it was validated
    decision = promote(store, WINE, rows, hosting)
    assert decision.champion == "3"
    assert_one_champion(store, 3, hosting)
    tags = version_of(store, best.version).tags
    assert tags["validation_status"] == "failed"
    assert "the model server refuses" in tags["validation_reasons"]
    assert tags["decision"] == "not promoted"
    assert "the model server refuses" in tags["decision_reasons"]


def test_server_that_is_away_stops_the_tick_and_moves_nothing(store: Store, rows: Rows) -> None:
    before = store.client.get_registered_model("wine").aliases
    with pytest.raises(Exception, match="refused"):
        promote(store, WINE, rows, Hosting("http://127.0.0.1:9", "wine"))
    assert store.client.get_registered_model("wine").aliases == before
    assert store.champion("wine", WINE.promote).version is None
    assert promote(store, WINE, rows, None).champion == "2"  # nothing was decided for good


def test_champion_that_the_server_cannot_load_is_replaced(
    store: Store, rows: Rows, hosting: Hosting, tmp_path: Path
) -> None:
    set_aside(store, 1, 2)
    broken, folder = register_copy(store, 2, tmp_path / "copy")
    crown(store, broken.number)
    shutil.rmtree(folder)
    decision = promote(store, WINE, rows, hosting)
    assert (decision.champion, decision.previous) == ("3", broken.version)
    assert "could not be scored" in decision.verdict
    assert_one_champion(store, 3, hosting)


def test_damaged_versions_fail_and_the_others_go_on(store: Store, rows: Rows, tmp_path: Path) -> None:
    set_aside(store, 2)
    gone, folder = register_copy(store, 2, tmp_path / "gone")
    shutil.rmtree(folder)
    corrupt, folder = register_copy(store, 2, tmp_path / "corrupt")
    (folder / "model.skops").write_bytes(b"junk")
    for version in (gone, corrupt):
        store.tag(version, {"decision": "pending"})
    decision = promote(store, WINE, rows, None)
    assert decision.champion == "3"
    for version in (gone, corrupt):
        assert version_of(store, version.version).tags["validation_status"] == "failed"


def test_version_deleted_between_validation_and_promotion_is_not_considered(store: Store, rows: Rows) -> None:
    for number in (1, 2, 3):
        validate(store, WINE, rows, version_of(store, number))
    store.client.delete_model_version("wine", "2")
    assert promote(store, WINE, rows, None).champion == "3"


def test_deleted_champion_is_followed_by_the_best_that_is_new(store: Store, rows: Rows) -> None:
    crown(store, 2)
    store.client.delete_model_version("wine", "2")
    decision = promote(store, WINE, rows, None)
    assert (decision.champion, decision.previous) == ("3", None)
    assert_one_champion(store, 3)


def test_data_that_changed_after_validation_is_scored_anew(store: Store, rows: Rows) -> None:
    crown(store, 3)
    for number in (1, 2, 3):
        validate(store, WINE, rows, version_of(store, number))
    # As the world is now, the champion is right everywhere.
    forest = load(store, version_of(store, 3)).estimator
    changed = replace(rows, target=rows.target.copy(), holdout_digest="changed")
    changed.target[:] = forest.predict(rows.features)
    decision = promote(store, WINE, changed, None)
    assert decision.champion == "3"
    assert measured_of(version_of(store, 2)).holdout == changed.holdout_digest
    assert float(version_of(store, 2).tags["holdout_f1_macro"]) < 1.0
    assert float(version_of(store, 3).tags["holdout_f1_macro"]) == 1.0


@pytest.mark.parametrize(("champion", "validated"), [(None, False), (None, True), (2, False), (3, False)])
def test_dry_run_changes_nothing_and_says_what_promote_does(
    store: Store, rows: Rows, hosting: Hosting, champion: int | None, validated: bool
) -> None:
    if champion:
        crown(store, champion)
    if validated:
        for number in (1, 2, 3):
            validate(store, WINE, rows, version_of(store, number))
    before, served = snapshot(store), hosting.served()
    predicted = promote(store, WINE, rows, hosting, dry_run=True)
    assert snapshot(store) == before
    assert hosting.served() == served
    assert promote(store, WINE, rows, hosting) == predicted


def test_stage_that_somebody_moved_by_hand_follows_the_alias_again(store: Store, rows: Rows, hosting: Hosting) -> None:
    crown(store, 2)
    set_aside(store, 1, 3)
    store.client.transition_model_version_stage("wine", "3", "Production", archive_existing_versions=True)
    promote(store, WINE, rows, hosting)
    assert_one_champion(store, 2, hosting)


def test_prove_predicts_with_the_champion_and_no_other(store: Store, rows: Rows, hosting: Hosting) -> None:
    promote(store, WINE, rows, hosting)
    features, _ = rows.part("holdout")
    expected = load(store, version_of(store, 2)).estimator.predict(features.head(5))
    assert prove(rows, hosting, "2") == list(expected)
    with pytest.raises(RuntimeError, match="answers with version 2 and not with the champion 3"):
        prove(rows, hosting, "3")


def test_prove_sends_no_column_that_the_model_does_not_take(store: Store, rows: Rows, hosting: Hosting) -> None:
    promote(store, WINE, rows, hosting)
    wider = replace(rows, features=rows.features.assign(day="2026-01-01"))
    assert prove(wider, hosting, "2") == prove(rows, hosting, "2")


def test_other_shares_or_another_target_are_other_rows_to_compare_on(rows: Rows, tmp_path: Path) -> None:
    data = WINE.data
    seed = replace(data, split=replace(data.split, seed=data.split.seed + 1))
    target = replace(data, source="sklearn.datasets.load_breast_cancer")
    feature = replace(target, id="mean radius")
    digests = [load_rows(one, tmp_path) for one in (data, seed, target, feature)]
    assert len({one.holdout_digest for one in digests}) == 4
    assert digests[0].digest == digests[1].digest == rows.digest  # the same data, split in another way
    assert digests[2].digest != digests[3].digest


def test_minimum_that_was_raised_since_holds_for_what_was_validated_before(store: Store, rows: Rows) -> None:
    for number in (1, 2, 3):
        validate(store, WINE, rows, version_of(store, number))
    decision = promote(store, promoting(minimum=1.1), rows, None)
    assert decision.champion is None
    assert all("below the minimum 1.1" in contender.reasons[0] for contender in decision.candidates)


def test_second_promoter_decides_on_what_the_first_one_left(store: Store, rows: Rows) -> None:
    second = Store(store.uri)
    second.locks = store.locks
    with ThreadPoolExecutor(2) as pool:
        decisions = list(pool.map(lambda mine: promote(mine, WINE, rows, None), (store, second)))
    assert sorted(decision.promotes for decision in decisions) == [False, True]
    assert_one_champion(store, 2)


def test_rows_with_gaps_prove_that_the_champion_answers(store: Store, rows: Rows, hosting: Hosting) -> None:
    crown(store, 2)
    hosting.swap()
    features, _ = rows.part("holdout")
    gaps = features.head(3).copy()
    gaps.iloc[0, 0] = None
    gaps.iloc[1, :] = None
    predictions, version = hosting.predict(gaps)
    assert (predictions, version) == (load(store, version_of(store, 2)).estimator.predict(gaps).tolist(), "2")


def test_values_that_json_lacks_are_sent_as_text_or_null(store: Store, hosting: Hosting) -> None:
    crown(store, 2)
    hosting.swap()
    days = pd.DataFrame({"day": pd.to_datetime(["2026-01-31", None]), "n": pd.array([1, None], dtype="Int64")})
    with pytest.raises(Unanswered, match=r"answers 4\d\d"):  # the server read it, and wants a wine
        hosting.predict(days)
