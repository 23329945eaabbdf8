"""Give a run its note when it ends: in the scheduler, within the transaction that ends the run."""

from __future__ import annotations

from typing import Any

from airflow.models.dag import DagTag
from airflow.models.xcom import XComModel
from airflow.utils.state import State
from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from dropforge.airflow.notes import KEY, fitting, listed

LENGTH = 1000  # of Airflow's column
_ORDER = ("claim", "finish", "propose", "promote", "conclude")


def note(dag_run: Any) -> None:
    """Put together what the run's tasks left, and set it as the run's note.

    A note that a person wrote stays. Another's DAG gets none, whatever its name: ours carry the tags that are
    generated, ``dropforge`` and the pipeline's name.

    Parameters
    ----------
    dag_run : airflow.models.DagRun
        The run, as the listener gets it.
    """
    session = object_session(dag_run)
    if session is None:
        return
    with session.no_autoflush:
        known = dag_run.dag_run_note
        if (known is not None and known.user_id is not None) or not _is_ours(session, dag_run.dag_id):
            return
        if lines := [*_left(session, dag_run), *_failed(dag_run, session)]:
            dag_run.note = listed(fitting(lines, LENGTH))


def _is_ours(session: Session, dag: str) -> bool:
    tags = set(session.scalars(select(DagTag.name).where(DagTag.dag_id == dag)))
    return {"dropforge", dag.rpartition("_")[0]} <= tags


def _left(session: Session, dag_run: Any) -> list[str]:
    found = session.execute(
        select(XComModel.task_id, XComModel.value).where(
            XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == KEY
        )
    )
    by_task = {task: value for task, value in found if isinstance(value, list)}
    return [str(line) for task in _ORDER for line in by_task.get(task, ())]


def _failed(dag_run: Any, session: Session) -> list[str]:
    """Return a line for the tasks that made the run fail; a training that failed has its file's line."""
    tasks = dag_run.get_task_instances(state=State.failed_states, session=session)
    names = sorted({task.task_id for task in tasks if task.task_id != "train"})
    return [f"{', '.join(f'`{name}`' for name in names)} failed: the end of its log says why"] if names else []
