"""What Dropforge adds to Airflow itself, found by Airflow through the entry point ``airflow.plugins``.

Links on the pages of tasks, a listener in the scheduler that gives each run a note, and turns for those who write to
SQLite through the API server. Every process of Airflow imports this, tasks too: it must cost nothing.
"""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from dropforge.airflow.links import MlflowRun, ModelPage
from dropforge.airflow.turns import middlewares

_NAMES = ("_train", "_promote")


# First, so that no listener of somebody else's that fails comes between.
@hookimpl(tryfirst=True)
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Give a run that ended well its note."""
    _note(dag_run)


@hookimpl(tryfirst=True)
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Give a run that failed its note."""
    _note(dag_run)


def _note(dag_run: Any) -> None:
    if dag_run.dag_id.endswith(_NAMES):  # others pay nothing
        from dropforge.airflow.listener import note

        note(dag_run)


class DropforgePlugin(AirflowPlugin):
    """Links, notes and turns."""

    name = "dropforge"
    operator_extra_links = [MlflowRun(), ModelPage()]  # noqa: RUF012 - as Airflow declares it
    listeners = [sys.modules[__name__]]  # noqa: RUF012
    fastapi_root_middlewares = middlewares()
