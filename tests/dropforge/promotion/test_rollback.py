"""History, rollback and promotion by hand, on a real store with a real model server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.promotion import Hosting, Unanswered, promote, promote_version, rollback
from dropforge.registry import Store
from dropforge.registry.history import Entry, History, Reign
from dropforge.serving.app import create_app
from dropforge.serving.models import ServedModel
from tests.dropforge.promotion.test_promote import Crash, assert_one_champion, set_aside, snapshot
from tests.dropforge.servers import fixed, running
from tests.dropforge.wine import WINE, crown, register_copy, version_of


@pytest.fixture
def hosting(store: Store, serve: Callable[..., str]) -> Hosting:
    return Hosting(serve({"wine": ServedModel(store, WINE)}), "wine")


@pytest.fixture
def history(store: Store) -> History:
    return History(store, "wine")


@pytest.fixture
def promoted(store: Store, rows: Rows, hosting: Hosting) -> None:
    """The forest (3) was champion, then the tree (2)."""
    set_aside(store, 2)
    promote(store, WINE, rows, hosting, by="the timer")
    promote_version(store, WINE, rows, hosting, "2", why="a better one", by="ada")


def told(history: History) -> list[tuple[str, str, str]]:
    """Who was champion, newest first: version, by whom, why. There is no gap, and no record is open."""
    reigns = history.reigns()
    assert history.unfinished() == []
    for newer, older in pairwise(reigns):
        assert (newer.entry.previous, newer.begin) == (older.version, older.until)
    return [(reign.version, reign.entry.by, reign.entry.why) for reign in reigns]


@pytest.mark.usefixtures("promoted")
def test_history_tells_who_was_champion_from_when_to_when_why_and_by_whom(history: History) -> None:
    new, old = history.reigns()
    assert (new.version, new.until, new.entry.kind) == ("2", None, "by hand")
    assert (old.version, old.until) == ("3", new.begin)
    assert (new.entry.why, new.entry.by) == ("a better one", "ada")
    assert old.entry.by == "the timer"
    assert old.entry.why.startswith("version 3 is the first champion: f1_macro 0.9")
    assert old.entry.value == pytest.approx(0.944, abs=0.01)


def test_plain_form_is_the_shape_of_history_json() -> None:
    entry = Entry("promoted", "2", "1", "f1_macro", 0.9, "it beats version 1", "the timer")
    begin, until = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    assert Reign("2", begin, until, entry).to_plain() == {
        "version": "2", "from": "2026-01-02T03:04:05+00:00", "until": "2026-01-03T00:00:00+00:00",
        "metric": "f1_macro", "value": 0.9, "why": "it beats version 1", "by": "the timer",
    }  # fmt: skip


def test_a_decision_that_moves_nothing_is_recorded_and_no_part_of_the_history(
    store: Store, rows: Rows, history: History
) -> None:
    set_aside(store, 2, 3)
    promote(store, WINE, rows, None)
    (run,) = store.client.search_runs([store.experiment("wine-promotions")])
    assert (run.info.status, run.data.tags["kind"]) == ("FINISHED", "kept")
    assert "below the minimum 0.8" in run.data.tags["mlflow.note.content"]
    assert told(history) == []


@pytest.mark.usefixtures("promoted")
def test_the_record_of_a_decision_holds_its_candidates_and_a_plot(store: Store) -> None:
    runs = store.client.search_runs([store.experiment("wine-promotions")], order_by=["start_time ASC"])
    first = runs[0]
    assert first.info.run_name == "promoted: version 3"
    assert {file.path for file in store.client.list_artifacts(first.info.run_id)} == {
        "decision.json", "candidates.png"
    }  # fmt: skip
    assert first.data.metrics["holdout_f1_macro"] == pytest.approx(0.944, abs=0.01)
    note = first.data.tags["mlflow.note.content"]
    assert note.startswith("**version 3 is the first champion")
    assert "| 1 (challenger) | 0.4" in note


@pytest.mark.usefixtures("promoted")
def test_rollback_brings_the_champion_before_back(store: Store, hosting: Hosting, history: History) -> None:
    decision = rollback(store, WINE, hosting, why="it fails on the new vintage", by="ada")
    assert (decision.champion, decision.previous) == ("3", "2")
    assert decision.verdict == "rolled back from version 2 to version 3: it fails on the new vintage"
    assert_one_champion(store, 3, hosting)
    tags = version_of(store, 2).tags
    assert (tags["decision"], tags["decision_reasons"]) == ("rolled back", "it fails on the new vintage")
    assert [version for version, _, _ in told(history)] == ["3", "2", "3"]


@pytest.mark.usefixtures("promoted")
def test_the_timer_does_not_promote_what_was_rolled_back_until_somebody_does(
    store: Store, rows: Rows, hosting: Hosting, history: History
) -> None:
    rollback(store, WINE, hosting, why="no")
    assert promote(store, WINE, rows, hosting).champion == "3"
    promote_version(store, WINE, rows, hosting, "2", why="mended the data")
    assert_one_champion(store, 2, hosting)
    assert [version for version, _, _ in told(history)] == ["2", "3", "2", "3"]


@pytest.mark.usefixtures("promoted")
def test_a_second_rollback_goes_further_back(store: Store, rows: Rows, hosting: Hosting) -> None:
    promote_version(store, WINE, rows, hosting, "1", why="a mistake")
    assert rollback(store, WINE, hosting).champion == "2"
    assert rollback(store, WINE, hosting).champion == "3"
    with pytest.raises(UserError, match="no former champion of 'wine' to go back to"):
        rollback(store, WINE, hosting)
    assert_one_champion(store, 3, hosting)


@pytest.mark.usefixtures("promoted")
def test_rollback_to_a_version(store: Store, rows: Rows, hosting: Hosting) -> None:
    promote_version(store, WINE, rows, hosting, "1", why="a mistake")
    assert rollback(store, WINE, hosting, to="3").champion == "3"
    assert rollback(store, WINE, hosting, to="3").verdict == "version 3 is the champion already"
    assert rollback(store, WINE, hosting, to="1").champion == "1"  # who says so by name means it
    assert_one_champion(store, 1, hosting)


@pytest.mark.usefixtures("promoted")
@pytest.mark.parametrize(("to", "said"), [("1", "was never champion"), ("9", "no version 9"), ("x", "no version x")])
def test_rollback_to_what_was_never_champion_is_refused(store: Store, hosting: Hosting, to: str, said: str) -> None:
    before = snapshot(store)
    with pytest.raises(UserError, match=said):
        rollback(store, WINE, hosting, to=to)
    assert snapshot(store) == before


def test_rollback_to_what_the_server_refuses_moves_nothing(
    store: Store, rows: Rows, hosting: Hosting, tmp_path: Path
) -> None:
    broken, folder = register_copy(store, 3, tmp_path / "copy")
    promote_version(store, WINE, rows, hosting, broken.version)
    promote_version(store, WINE, rows, hosting, "2")
    shutil.rmtree(folder)
    before = snapshot(store)
    with pytest.raises(UserError, match="the model server refuses"):
        rollback(store, WINE, hosting)
    assert snapshot(store) == before
    assert_one_champion(store, 2, hosting)


@pytest.mark.usefixtures("promoted")
def test_while_the_server_is_away_nothing_moves_and_a_message_says_so(store: Store, rows: Rows, away: str) -> None:
    before = snapshot(store)
    for act in (
        lambda hosting: rollback(store, WINE, hosting),
        lambda hosting: promote_version(store, WINE, rows, hosting, "1"),
        lambda hosting: promote(store, WINE, rows, hosting),
    ):
        with pytest.raises(Unanswered) as caught:
            act(Hosting(away, "wine"))
        (problem,) = caught.value.problems
        assert problem.message.startswith(f"the model server at {away} does not answer: ")
        assert "`dropforge up`" in problem.remedy
    assert snapshot(store) == before
    assert_one_champion(store, 2)


@pytest.mark.usefixtures("promoted")
def test_server_that_goes_away_after_the_move_is_said_to_follow_and_the_move_is_whole(
    store: Store, rows: Rows, history: History, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(running(create_app(fixed({"wine": ServedModel(store, WINE)}), 60)))
        hosting, close = Hosting(address, "wine"), History.close

        def close_and_go(self: History, run_id: str, *, done: bool = True) -> None:
            close(self, run_id, done=done)
            stack.close()

        with monkeypatch.context() as patch:
            patch.setattr(History, "close", close_and_go)
            with pytest.raises(
                Unanswered, match=r"version 3 is the champion, but the model server at .* does not answer"
            ):
                rollback(store, WINE, hosting, why="no", by="ada")
    assert_one_champion(store, 3)
    assert told(history)[0] == ("3", "ada", "no")
    again = Hosting(serve({"wine": ServedModel(store, WINE)}), "wine")
    assert promote(store, WINE, rows, again).verdict == "no new version; version 3 stays"
    assert_one_champion(store, 3, again)


@pytest.mark.parametrize(
    ("content", "said"), [(b'{"error": "it broke"}', "answers 500: it broke"), (b"<html>", "answers 500")]
)
def test_error_of_the_server_s_own_is_told(store: Store, rows: Rows, content: bytes, said: str) -> None:
    app = FastAPI()
    app.post("/models/wine/prepare")(lambda: Response(content, 500))
    with running(app) as address, pytest.raises(Unanswered) as caught:
        promote_version(store, WINE, rows, Hosting(address, "wine"), "2")
    assert caught.value.problems[0].message == f"the model server at {address} {said}"
    assert store.champion("wine", WINE.promote).version is None


def test_promotion_by_hand_takes_what_the_gates_refuse_and_says_so(store: Store, rows: Rows, history: History) -> None:
    decision = promote_version(store, WINE, rows, None, "1", why="for a demo", by="ada")
    assert decision.verdict == "version 1 is promoted by hand: for a demo"
    assert "below the minimum 0.8" in decision.candidates[0].reasons[0]
    assert told(history) == [("1", "ada", "for a demo")]
    assert_one_champion(store, 1)


def test_promotion_by_hand_of_what_cannot_be_scored_is_refused(store: Store, rows: Rows, tmp_path: Path) -> None:
    broken, folder = register_copy(store, 2, tmp_path / "copy")
    shutil.rmtree(folder)
    with pytest.raises(UserError, match=f"version {broken.version} cannot be promoted"):
        promote_version(store, WINE, rows, None, broken.version)
    with pytest.raises(UserError, match="there is no version 77 of 'wine'"):
        promote_version(store, WINE, rows, None, "77")


@pytest.mark.usefixtures("promoted")
def test_dry_run_says_the_steps_that_are_then_taken(store: Store, rows: Rows, hosting: Hosting) -> None:
    for act in (
        lambda dry_run: promote_version(store, WINE, rows, hosting, "1", why="w", dry_run=dry_run),
        lambda dry_run: rollback(store, WINE, hosting, why="w", dry_run=dry_run),
    ):
        before, served = snapshot(store), hosting.served()
        explained = act(True)
        assert (snapshot(store), hosting.served()) == (before, served)
        assert act(False) == explained
        assert explained.steps[0] == f"the model server loads version {explained.champion} and tries it"
        assert f"the alias production moves to version {explained.champion}" in explained.steps


@pytest.mark.usefixtures("promoted")
def test_an_alias_that_was_moved_in_mlflow_is_found_and_recorded(
    store: Store, rows: Rows, hosting: Hosting, history: History
) -> None:
    store.client.set_registered_model_alias("wine", "production", "1")
    promote(store, WINE, rows, hosting)
    assert_one_champion(store, 1, hosting)
    assert told(history)[0] == (
        "1", "unknown", "the alias production was moved from version 2 to version 1 outside of Dropforge"
    )  # fmt: skip
    before = snapshot(store)
    promote(store, WINE, rows, hosting)
    assert snapshot(store) == before


@pytest.mark.usefixtures("promoted")
def test_a_champion_that_was_deleted_ends_its_reign(
    store: Store, rows: Rows, hosting: Hosting, history: History
) -> None:
    store.client.delete_model_version("wine", "2")
    promote(store, WINE, rows, hosting)
    (gone, _) = history.reigns()
    assert gone.version == "2"
    assert gone.until is not None
    assert rollback(store, WINE, hosting).champion == "3"
    assert_one_champion(store, 3, hosting)


def test_a_champion_from_before_there_was_a_history_is_its_beginning(
    store: Store, rows: Rows, history: History
) -> None:
    crown(store, 3)
    set_aside(store, 1)
    promote(store, WINE, rows, None)
    assert [version for version, _, _ in told(history)] == ["2", "3"]


STEPS = [
    (Hosting, "prepare", 1),
    (History, "open", 1),
    (Store, "set_alias", 1),
    (Store, "set_stage", 1),
    (Store, "tag", 1),
    (Store, "tag", 2),
    (History, "close", 1),
    (Hosting, "swap", 1),
]


@pytest.mark.usefixtures("promoted")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "step", "call"), STEPS)
def test_a_crash_at_any_step_leaves_one_champion_and_a_history_without_a_gap(
    store: Store, rows: Rows, hosting: Hosting, history: History, monkeypatch: pytest.MonkeyPatch,
    owner: type, step: str, call: int, after: bool,
) -> None:  # fmt: skip
    done, calls = getattr(owner, step), []

    def crash(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == call and not after:
            raise Crash
        result = done(*args, **kwargs)
        if len(calls) == call:
            raise Crash
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(Crash):
            rollback(store, WINE, hosting, why="it fails", by="ada")
    moved = store.champion("wine", WINE.promote).version
    assert moved is not None
    promote(store, WINE, rows, hosting, by="the timer")
    assert_one_champion(store, moved.number, hosting)
    assert [version for version, _, _ in told(history)] == [*(["3"] if moved.version == "3" else []), "2", "3"]
    if moved.version == "3":
        assert told(history)[0] == ("3", "ada", "it fails")
        assert version_of(store, 2).tags["decision"] == "rolled back"
