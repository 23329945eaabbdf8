"""The trigger says what waits: at once, no sooner again than it must, and again where it was written to since."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from dropforge.airflow.trigger import DropTrigger
from dropforge.folder import Arrival, WatchFolder
from tests.dropforge.folder.drops import KINDS, drop, is_whole, make
from tests.dropforge.wine import TREE, WINE


@pytest.fixture(autouse=True)
def _nobody_is_active(monkeypatch):
    monkeypatch.setattr("dropforge.airflow.trigger.is_active", lambda dag, run: False)


@asynccontextmanager
async def events_of(home, **settings):
    """Give the events of a trigger that watches the folder of wine."""
    events = DropTrigger("wine_train", str(home), WINE.train.watch, **settings).run()
    try:
        yield events
    finally:
        await events.aclose()


def test_what_is_no_file_is_announced_as_well(tmp_path):
    watch = tmp_path / WINE.train.watch
    watch.mkdir(parents=True)
    paths = [make(kind, watch / f"{kind}.yaml", tmp_path / "outside") for kind in KINDS]

    async def first():
        async with events_of(tmp_path) as events:
            return await anext(events)

    event = asyncio.run(first())
    assert sorted(event.payload["files"]) == sorted(path.name for path in paths)


def test_a_file_is_announced_before_it_counts_as_whole_and_not_while_it_is_held_open(tmp_path, monkeypatch):
    watch = tmp_path / WINE.train.watch
    now = drop(watch, "closed.yaml", age=0).stat().st_mtime
    monkeypatch.setattr("dropforge.folder.files.time", SimpleNamespace(time=lambda: now))  # it gets no older
    with (watch / "open.yaml").open("w") as file:
        file.write("class: SVC")
        file.flush()

        async def first():
            async with events_of(tmp_path) as events:
                return await anext(events)

        assert asyncio.run(first()).payload["files"] == ["closed.yaml"]


def test_what_is_written_to_once_more_is_announced_once_more_when_it_is_whole(tmp_path):
    path = tmp_path / WINE.train.watch / "a.yaml"

    async def twice():
        async with events_of(tmp_path) as events:
            first = asyncio.ensure_future(anext(events))
            while not path.parent.is_dir():
                await asyncio.sleep(0.01)
            drop(path.parent, path.name, age=0)
            announced = await first
            path.write_text("class: SVC  # once more")
            return announced, await anext(events), is_whole(path)

    first, second, whole = asyncio.run(twice())
    assert first.payload["files"] == second.payload["files"] == ["a.yaml"]
    assert whole


def test_what_nobody_claims_is_said_again_and_no_sooner(tmp_path, monkeypatch):
    clock = SimpleNamespace(now=0.0, looks=0)
    monkeypatch.setattr("dropforge.airflow.trigger.time", SimpleNamespace(monotonic=lambda: clock.now))
    watch = tmp_path / WINE.train.watch
    drop(watch, "a.yaml", TREE.decode())
    real = WatchFolder.waiting

    def waiting(self, *arguments, **settings):
        clock.looks += 1
        if clock.looks == 2:
            raise OSError("out of reach for a moment")
        return real(self, *arguments, **settings)

    monkeypatch.setattr(WatchFolder, "waiting", waiting)

    async def twice():
        async with events_of(tmp_path, poll=0.02, remind=30.0) as events:
            first = await anext(events)
            second = asyncio.ensure_future(anext(events))
            while clock.looks < 5:
                await asyncio.sleep(0.01)
            early = second.done()
            clock.now = 31.0
            return first, early, await second

    first, early, second = asyncio.run(twice())
    assert first.payload["files"] == second.payload["files"] == ["a.yaml"]
    assert not early, "it looked again, and said nothing"


def test_a_file_that_is_opened_again_and_again_is_announced_first_and_last(tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    looks = [  # when it was changed, whether it is closed, whether it is whole
        (1, True, False),
        (2, False, False),
        (3, True, False),
        (4, False, False),
        (5, True, False),
        (5, True, True),
        (5, True, True),
    ]
    seen = []

    def waiting(self, *_):
        seen.append(looks[len(seen)])
        return [Arrival(path, *seen[-1])]

    monkeypatch.setattr(WatchFolder, "waiting", waiting)

    async def told():
        events = []
        async with events_of(tmp_path, poll=0.01) as found:
            with contextlib.suppress(IndexError):  # no look is left
                async for _ in found:
                    events.append(len(seen))
        return events

    assert asyncio.run(told()) == [1, 6]
