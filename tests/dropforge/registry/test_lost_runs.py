"""A run whose process was killed is ended; one that is still at work is left alone."""

from __future__ import annotations

import os
import signal

import pytest

from dropforge.project import Project
from dropforge.registry import Store

KEY = {"config_digest": "a1"}


@pytest.fixture
def place(project: Project) -> Store:
    """A Store on an empty project."""
    return Store.connect(project)


def lose(place: Store, key: str) -> None:
    """Open a run in a process that is killed before it ends it."""
    if (process := os.fork()) == 0:
        with place.exclusive(f"wine-{key}"), place.run("wine", key, {"config_digest": key}, "x"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)


def statuses(place: Store) -> list[str]:
    return sorted(run.info.status for run in place.client.search_runs([place.experiment("wine")]))


def test_a_run_ends_with_its_block(place: Store) -> None:
    with place.run("wine", "a1", KEY, "x"):
        assert statuses(place) == ["RUNNING"]
    with pytest.raises(ValueError, match="no"), place.run("wine", "a1", KEY, "x"):
        raise ValueError("no")
    assert statuses(place) == ["FAILED", "FINISHED"]


def test_the_next_try_of_the_same_candidate_ends_what_was_lost(place: Store) -> None:
    lose(place, "a1")
    lose(place, "b2")
    assert statuses(place) == ["RUNNING", "RUNNING"]
    place.end_lost_runs("wine", "a1")
    assert statuses(place) == ["KILLED", "RUNNING"]


def test_a_sweep_ends_all_that_was_lost_and_nothing_that_is_at_work(place: Store) -> None:
    lose(place, "a1")
    lose(place, "b2")
    with place.exclusive("wine-c3"), place.run("wine", "c3", {"config_digest": "c3"}, "x"):
        place.sweep_lost_runs("wine", patience=0)
        assert statuses(place) == ["KILLED", "KILLED", "RUNNING"]
    assert statuses(place) == ["FINISHED", "KILLED", "KILLED"]


def test_where_nothing_was_lost_mlflow_is_not_asked(place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.run("wine", "a1", KEY, "x"):
        pass
    monkeypatch.setattr(place, "client", None)  # to ask it is an error from here on
    place.end_lost_runs("wine", "a1")
    place.sweep_lost_runs("wine")
