"""Events of triggers are handed on as they come."""

from __future__ import annotations

import asyncio

import pytest
from airflow.jobs.triggerer_job_runner import TriggerRunner

from dropforge.stack.runner import PromptRunner


@pytest.fixture
def handed_on(monkeypatch):
    """What the supervisor is told, message by message."""
    told = []

    async def tell(runner, finished):
        told.append(list(runner.events))
        runner.events.clear()

    monkeypatch.setattr(TriggerRunner, "sync_state_to_supervisor", tell)
    return told


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


def test_an_event_waits_for_no_turn_and_what_follows_goes_together(handed_on):
    async def run():
        runner = PromptRunner()
        handing_on = asyncio.create_task(runner.hand_on(rest=0.05))
        await turns()
        runner.events.append("first")
        await turns()
        assert handed_on == [["first"]]
        runner.events.append("second")
        runner.events.append("third")
        await turns()
        assert handed_on == [["first"]], "it rests"
        while len(handed_on) < 2:
            await asyncio.sleep(0.01)
        handing_on.cancel()

    asyncio.run(run())
    assert handed_on == [["first"], ["second", "third"]]


def test_what_airflows_own_turn_took_is_not_told_again(handed_on):
    async def run():
        runner = PromptRunner()
        handing_on = asyncio.create_task(runner.hand_on(rest=0.0))
        runner.events.append("first")
        runner.events.clear()
        await turns()
        runner.events.append("second")
        await turns()
        handing_on.cancel()

    asyncio.run(run())
    assert handed_on == [["second"]]


def test_it_runs_as_long_as_airflows_own_does(handed_on, monkeypatch):
    async def arun(runner):
        runner.events.append("first")
        await turns()

    async def run():
        await PromptRunner().arun()
        await turns()
        return len(asyncio.all_tasks())

    monkeypatch.setattr(TriggerRunner, "arun", arun)
    assert asyncio.run(run()) == 1
    assert handed_on == [["first"]]


def test_where_events_cannot_be_handed_on_the_runner_ends_and_says_why(monkeypatch, caplog):
    async def tell(runner, finished):
        raise ValueError("no text")

    async def arun(runner):
        runner.events.append("first")
        while not runner.stop:
            await asyncio.sleep(0)

    monkeypatch.setattr(TriggerRunner, "sync_state_to_supervisor", tell)
    monkeypatch.setattr(TriggerRunner, "arun", arun)
    asyncio.run(asyncio.wait_for(PromptRunner().arun(), 60))
    assert "no text" in caplog.text
