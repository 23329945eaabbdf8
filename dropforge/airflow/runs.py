"""Ask Airflow about runs, from a task or a trigger."""

from __future__ import annotations

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

ACTIVE = ["queued", "running"]


def is_active(dag_id: str, run_id: str) -> bool:
    """Return whether a run is still at work, and so may keep what it claimed."""
    return RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=ACTIVE) > 0
