"""Runs: whether one is still at work, and the settings that one began with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from dropforge.settings import Pipeline, decode

log = logging.getLogger(__name__)

ACTIVE = ["queued", "running"]
KEY = "settings"


def is_active(dag_id: str, run_id: str) -> bool:
    """Return whether a run is still at work, and so may keep what it claimed."""
    return RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=ACTIVE) > 0


def begin(settings: str) -> Pipeline:
    """Return the settings that a run begins with, and leave them for its other tasks.

    Each task reads the DAG's file anew when it starts, and the file may have been generated anew since the run began.

    Parameters
    ----------
    settings : str
        The settings in the file.
    """
    context = get_current_context()
    context["ti"].xcom_push(key=KEY, value={"started": _started(context), "settings": settings})
    return decode(settings)


def begun(first: str, settings: str) -> Pipeline:
    """Return the settings that this task's run began with.

    A run that had ended, and of which somebody clears a task, starts anew: with the settings of today.

    Parameters
    ----------
    first : str
        The run's first task.
    settings : str
        The settings in the file: those of a run whose first task left none.
    """
    context = get_current_context()
    # Said outright: a mapped task would look for one of its own number.
    left = context["ti"].xcom_pull(task_ids=first, key=KEY, map_indexes=-1)
    today = decode(settings)
    if not left or left["started"] != _started(context):
        return today
    known = decode(left["settings"])
    if known.digest != today.digest:
        log.info("this run ends with the settings that it began with (%s, now %s)", known.digest, today.digest)
    return known


def _started(context: Mapping[str, Any]) -> str:
    """Return when the run started, which changes when it starts anew."""
    return str(context["dag_run"].start_date)
