"""Airflow's task and the command line promote at once, and one of them may be killed: one champion, no gap."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from dropforge.promotion import Hosting, promote, promote_version
from dropforge.registry.history import History
from dropforge.serving.models import ServedModel
from tests.dropforge.airflow import racing
from tests.dropforge.cli.commands import SPEC
from tests.dropforge.promotion.test_promote import assert_one_champion
from tests.dropforge.wine import WINE

ROUNDS = int(os.environ.get("RACES", "3"))  # docs/promotion.md counts those of a longer one
ACTS = 4  # of each of the two in a round


@pytest.fixture
def context(monkeypatch, tmp_path):
    """Processes that begin as forks of one that has everything imported, and no threads."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([racing.__name__])
    return made


def acts(lot):
    """What the two do: all three versions were champion once, so each act can be done at any time."""
    forms, commands = [], []
    for _ in range(ACTS):
        version = lot.choice("123")
        forms.append(lot.choice([{}, {"version": version}, {"action": "rollback", "version": version}]))
        version = lot.choice("123")
        commands.append(
            lot.choice([
                ["promote", "wine"],
                ["promote", "wine", "--version", version],
                ["rollback", "wine", "--to", version],
            ])
        )  # fmt: skip
    return forms, commands


def test_two_that_promote_at_once_and_one_that_is_killed_leave_one_champion_and_no_gap(
    store, rows, serve, context, capsys
):
    home = Path(store.locks).parents[1]
    (home / "pipelines.yaml").write_text(SPEC)
    address = serve({"wine": ServedModel(store, WINE)})
    hosting, history = Hosting(address, "wine"), History(store, "wine")
    for version in "312":
        promote_version(store, WINE, rows, hosting, version)
    lot = random.Random(0)  # noqa: S311 - which acts meet
    counts = {"moves": 0, "kills": 0}
    for _ in range(ROUNDS):
        forms, commands = acts(lot)
        doing = [(racing.by_airflow, forms), (racing.by_command_line, commands)]
        death = racing.Death(lot.choice(list(racing.STEPS)), lot.random() < 0.5, lot.randint(1, 2))
        victim = lot.choice([0, 1, None])
        ready, before = context.Barrier(2, timeout=60), len(history.reigns())
        racers = [
            context.Process(target=act, args=(str(home), asked, address, ready, death if number == victim else None))
            for number, (act, asked) in enumerate(doing)
        ]
        for racer in racers:
            racer.start()
        for number, racer in enumerate(racers):
            racer.join()
            assert racer.exitcode == 0 or (number == victim and racer.exitcode == -signal.SIGKILL)
            counts["kills"] += racer.exitcode < 0
        promote(store, WINE, rows, hosting)  # the next tick

        reigns = history.reigns()
        assert history.unfinished() == []
        assert_one_champion(store, int(reigns[0].version), hosting)
        for newer, older in pairwise(reigns):
            assert (newer.entry.previous, newer.begin) == (older.version, older.until), "no gap"
            assert newer.version != older.version
        counts["moves"] += len(reigns) - before
    assert counts["moves"]
    with capsys.disabled():
        if "RACES" in os.environ:
            print(f"{ROUNDS} rounds of {2 * ACTS} promotions by two at once: {counts}")
