"""One of two that promote at once, in a process of its own: Airflow's task, or the command line."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from dropforge.airflow import notes, runs, tasks
from dropforge.cli.main import main
from dropforge.promotion import Hosting
from dropforge.registry import Store
from dropforge.registry.history import History
from dropforge.settings import encode
from tests.dropforge.wine import WINE

STEPS = {
    "prepare": Hosting,
    "open": History,
    "set_alias": Store,
    "set_stage": Store,
    "tag": Store,
    "close": History,
    "swap": Hosting,
}


@dataclass(frozen=True)
class Death:
    """SIGKILL before or after a step, when it comes for the ``call``-th time."""

    step: str
    after: bool
    call: int


def begin(server: str, ready: Any, death: Death | None) -> None:
    """Wait for the other one."""
    os.environ["DROPFORGE_SERVER"] = server
    if death:
        _die_at(death)
    ready.wait()


def _die_at(death: Death) -> None:
    owner, calls = STEPS[death.step], []
    done = getattr(owner, death.step)

    @functools.wraps(done)
    def dying(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == death.call and not death.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = done(*args, **kwargs)
        if len(calls) == death.call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, death.step, dying)


def by_airflow(home: str, forms: Sequence[Mapping[str, Any]], *begun: Any) -> None:
    """Run the task ``promote`` with one form after the other, as so many runs."""
    begin(*begun)
    for number, form in enumerate(forms):
        context = {
            "params": form,
            "dag_run": SimpleNamespace(
                run_id=f"{os.getpid()}-{number}", run_type="manual", triggering_user_name="ada", start_date="today"
            ),
            "ti": SimpleNamespace(xcom_push=lambda key, value: None, xcom_pull=lambda *_, **__: None),
        }
        for module in (tasks, notes, runs):
            module.get_current_context = lambda context=context: context  # type: ignore[attr-defined]
        tasks.promote(home=home, settings=encode(WINE))


def by_command_line(home: str, commands: Sequence[Sequence[str]], *begun: Any) -> None:
    """Run one command after the other."""
    begin(*begun)
    for command in commands:
        sys.argv = ["dropforge", *command, "--spec", f"{home}/pipelines.yaml"]
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise
