"""Runs in Airflow's own tables, with what their tasks left there."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from airflow.models.dag import DagTag
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from sqlalchemy import delete, insert, text
from uuid6 import uuid7

_NUMBERS = itertools.count()


def make_run(dag, left, failed=(), tags=None):
    """Store a run that is about to end, and return its id.

    Parameters
    ----------
    dag : str
        Its DAG.
    left : dict
        Task id, map index and key of an XCom to its value.
    failed : tuple of str
        Tasks that failed.
    tags : set of str, optional
        The DAG's tags; by default those that are generated.
    """
    run_id = f"manual__{next(_NUMBERS)}"
    with create_session() as session:
        session.execute(text("PRAGMA foreign_keys=OFF"))  # tasks and runs hang on DAGs that nobody needs here
        session.execute(delete(DagTag).where(DagTag.dag_id == dag))
        for tag in {"dropforge", dag.rpartition("_")[0]} if tags is None else tags:
            session.execute(insert(DagTag).values(dag_id=dag, name=tag))
        run = DagRun(
            dag_id=dag,
            run_id=run_id,
            run_type=DagRunType.MANUAL,
            state=DagRunState.RUNNING,
            run_after=datetime.now(UTC),
        )
        session.add(run)
        session.flush()
        for task in failed:
            place = {"dag_id": dag, "run_id": run_id, "task_id": task, "map_index": -1}
            values = {"id": uuid7(), "state": TaskInstanceState.FAILED, "pool": "default_pool", **place}
            session.execute(insert(TaskInstance.__table__).values(**values))
        for (task, index, key), value in left.items():
            place = {"dag_run_id": run.id, "dag_id": dag, "run_id": run_id, "task_id": task, "map_index": index}
            session.add(XComModel(**place, key=key, value=value))
    return run_id
