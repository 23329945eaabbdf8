"""A tick that proposes, and what each answer does; on a real store with a real model server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dropforge.data import Rows
from dropforge.promotion import Hosting, approval, promote, promote_version, validate
from dropforge.registry import Store
from dropforge.registry.history import History
from dropforge.serving.models import ServedModel
from tests.dropforge.promotion.test_promote import assert_one_champion, set_aside, snapshot
from tests.dropforge.wine import crown, promoting, register_copy, version_of

ASKED = promoting(approval="required")


@pytest.fixture
def hosting(store: Store, serve: Callable[..., str]) -> Hosting:
    return Hosting(serve({"wine": ServedModel(store, ASKED)}), "wine")


def propose(store: Store, rows: Rows, hosting: Hosting | None = None) -> str | None:
    decision = approval.propose(store, ASKED, rows, hosting, by="the timer")
    return decision.champion if decision.promotes else None


def decisions(store: Store) -> list[str]:
    return [version_of(store, number).tags["decision"] for number in (1, 2, 3)]


def test_the_best_is_proposed_and_nothing_moves(store: Store, rows: Rows, hosting: Hosting) -> None:
    decision = approval.propose(store, ASKED, rows, hosting, by="the timer")
    assert decision.champion == "2"
    assert store.champion("wine", ASKED.promote).version is None
    assert hosting.served() is None
    assert decisions(store) == ["pending", "proposed", "pending"]
    assert History(store, "wine").reigns() == []
    shown = approval.comparison(ASKED, decision, "the timer")
    assert shown.startswith("**version 2 is the first champion: f1_macro 1.0000**")
    assert "| 3 (challenger) | 0.93" in shown


def test_a_proposal_whose_run_was_ended_is_considered_anew(store: Store, rows: Rows, hosting: Hosting) -> None:
    def ask(run: str, active: str) -> str | None:
        decision = approval.propose(
            store, ASKED, rows, hosting, by="the timer", key=run, run=run, is_active=lambda one: one in active
        )
        return decision.champion if decision.promotes else None

    assert ask("a", "a") == "2"
    assert ask("b", "ab") is None
    assert ask("c", "c") == "2"
    assert decisions(store)[1] == "proposed"
    assert approval.left_by(store, ASKED, "c") == "2"


def test_where_nobody_has_to_approve_any_more_what_was_proposed_is_promoted(store: Store, rows: Rows) -> None:
    assert propose(store, rows) == "2"
    assert promote(store, promoting(), rows, None, by="the timer").champion == "2"


def test_while_one_waits_only_a_better_one_is_proposed_and_no_tick_leaves_a_record(
    store: Store, rows: Rows, hosting: Hosting, tmp_path: Path
) -> None:
    good, _ = register_copy(store, 3, tmp_path / "copy")
    set_aside(store, 2, 3)
    assert propose(store, rows, hosting) == good.version
    assert propose(store, rows, hosting) is None  # version 1 fails, and that is decided
    store.tag(version_of(store, 3), {"decision": "pending"})  # as good as the one that waits
    assert propose(store, rows, hosting) is None
    before = snapshot(store)
    waits = approval.propose(store, ASKED, rows, hosting, by="the timer")
    assert not waits.promotes
    assert snapshot(store) == before
    assert waits.verdict == f"version {good.version} waits for approval, and is not beaten by version 3"
    store.tag(version_of(store, 2), {"decision": "pending"})
    assert propose(store, rows, hosting) == "2"
    assert decisions(store) == ["not promoted", "proposed", "pending"]


def test_approved_it_is_promoted_and_recorded_with_who_approved(store: Store, rows: Rows, hosting: Hosting) -> None:
    propose(store, rows, hosting)
    decision = approval.approve(store, ASKED, rows, hosting, "2", by="ada", key="k")
    assert decision.verdict == "version 2 is the first champion: f1_macro 1.0000; approved by ada"
    assert_one_champion(store, 2, hosting)
    (reign,) = History(store, "wine").reigns()
    assert (reign.version, reign.entry.by, reign.entry.kind) == ("2", "ada", "promoted")
    again = approval.approve(store, ASKED, rows, hosting, "2", by="ada", key="k")
    assert (again.champion, again.previous) == ("2", None), "what is tried again tells of it"
    assert again.verdict == f"this was done before: {decision.verdict}"
    late = approval.approve(store, ASKED, rows, hosting, "2", by="eve", key="another")
    assert late.verdict == "version 2 was decided meanwhile: promoted"
    assert len(History(store, "wine").reigns()) == 1


def test_rejected_it_is_left_aside_and_the_others_are_considered(store: Store, rows: Rows, hosting: Hosting) -> None:
    propose(store, rows, hosting)
    approval.reject(store, ASKED, "2", why="rejected by ada", by="ada")
    assert decisions(store) == ["pending", "rejected", "pending"]
    assert version_of(store, 2).tags["decision_reasons"] == "rejected by ada"
    assert propose(store, rows, hosting) == "3"
    (run,) = store.client.search_runs([store.experiment("wine-promotions")])
    assert (run.data.tags["kind"], run.data.tags["by"], run.info.status) == ("rejected", "ada", "FINISHED")


def test_approved_it_is_compared_with_the_champion_of_that_moment(store: Store, rows: Rows) -> None:
    set_aside(store, 2)
    propose(store, rows)
    promote_version(store, ASKED, rows, None, "2", by="eve")
    decision = approval.approve(store, ASKED, rows, None, "3", by="ada")
    assert decision.champion == "2"
    assert "version 2 stays: f1_macro 1.0000 is not beaten by version 3's 0.93" in decision.verdict
    assert version_of(store, 3).tags["decision"] == "not promoted"
    assert_one_champion(store, 2)


def test_a_proposal_that_nobody_can_answer_any_more_is_considered_anew(store: Store, rows: Rows) -> None:
    propose(store, rows)
    assert approval.withdraw(store, ASKED, "2")
    assert not approval.withdraw(store, ASKED, "2")
    assert propose(store, rows) == "2"


def test_a_decision_that_moves_nothing_needs_nobody(store: Store, rows: Rows) -> None:
    crown(store, 2)
    set_aside(store, 1)
    assert propose(store, rows) is None
    assert version_of(store, 3).tags["decision"] == "not promoted"
    (run,) = store.client.search_runs([store.experiment("wine-promotions")], "tags.kind = 'kept'")
    assert run.info.status == "FINISHED"


def test_what_the_server_refuses_is_not_proposed(store: Store, rows: Rows, hosting: Hosting, tmp_path: Path) -> None:
    best, folder = register_copy(store, 2, tmp_path / "copy")
    set_aside(store, 2)
    shutil.rmtree(folder)
    shutil.copytree(store.client.get_model_version_download_uri("wine", "2").removeprefix("file://"), folder)

    validate(store, ASKED, rows, version_of(store, best.version))
    (folder / "model.skops").unlink()
    assert propose(store, rows, hosting) == "3"
    assert version_of(store, best.version).tags["validation_status"] == "failed"


def test_no_more_than_a_few_wait_at_once(store: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "MOST", 1)
    set_aside(store, 2)
    assert propose(store, rows) == "3"
    store.tag(version_of(store, 2), {"decision": "pending"})
    assert propose(store, rows) is None
    assert version_of(store, 2).tags["decision"] == "pending"
