"""What each answer to a proposal leaves, and what the last task makes of it; Airflow's own operator, a real store."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.models.hitl import HITLDetail
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped
from airflow.sdk.execution_time.xcom import XCom

from dropforge.airflow import tasks
from dropforge.airflow.answer import Answer, Question, answered
from dropforge.promotion import approval
from dropforge.settings import encode
from tests.dropforge.wine import promoting, version_of

ASKED = promoting(approval="required", approval_timeout="2d")


def event(option, name=None):
    """What Airflow resumes the question with; without a name it is the scheduler's, as the time is over."""
    by = {"id": "7", "name": name} if name else None
    detail = HITLDetail(chosen_options=[option], params_input={}, responded_at=datetime.now(UTC), responded_by=by)
    return detail.as_resume_event_payload(timedout=by is None)


@pytest.fixture
def left(monkeypatch):
    """What the tasks of a run leave, by task and key."""
    left = {("propose", "return_value"): {"version": "2"}}

    def pull(task_ids, key="return_value", map_indexes=None):
        return left.get((task_ids, key))

    ti = SimpleNamespace(xcom_push=lambda key, value: left.update({("conclude", key): value}), xcom_pull=pull)
    context = {"run_id": "r1", "params": {}, "dag_run": SimpleNamespace(start_date="today"), "ti": ti}
    for module in ("tasks", "notes", "runs"):
        monkeypatch.setattr(f"dropforge.airflow.{module}.get_current_context", lambda: context)
    return left


@pytest.fixture
def resume(left):
    """Let the question go on with an event, as Airflow does."""
    with DAG("wine_promote", schedule=None):
        question = Question(task_id="approve", subject="Promote?", defaults="Reject")
        question >> EmptyOperator(task_id="promote")

    def push(key, value):
        left["approve", key] = XCom.deserialize_value(SimpleNamespace(value=XCom.serialize_value(value)))

    def resume(event):
        ti = SimpleNamespace(xcom_push=push, map_index=-1, task=question)
        return question.execute_complete({"ti": ti, "task": question}, event)

    return resume


def test_an_approval_lets_the_run_go_on_and_says_who_gave_it(resume, left):
    assert resume(event("Approve", "ada"))["chosen_options"] == ["Approve"]
    assert answered(SimpleNamespace(xcom_pull=lambda task_ids, key: left[task_ids, key]), "approve") == Answer(
        True, "ada in Airflow"
    )


@pytest.mark.parametrize(
    ("name", "why", "by"),
    [
        ("ada", "rejected by ada in Airflow", "ada in Airflow"),
        (None, "nobody answered within 2d", "the timer"),
    ],
    ids=["rejection", "time-out"],
)
def test_a_rejection_and_a_time_out_skip_what_follows_and_are_recorded_apart(
    store, rows, resume, left, monkeypatch, name, why, by
):
    monkeypatch.setattr(tasks, "_store", lambda home: store)
    assert approval.propose(store, ASKED, rows, None, by="the timer").champion == "2"
    with pytest.raises(DownstreamTasksSkipped):
        resume(event("Reject", name))
    tasks.conclude(home="", settings=encode(ASKED))
    tags = version_of(store, 2).tags
    assert (tags["decision"], tags["decision_reasons"]) == ("rejected", why)
    (run,) = store.client.search_runs([store.experiment("wine-promotions")])
    assert {key: run.data.tags[key] for key in ("kind", "by", "why")} == {
        "kind": "rejected", "by": by, "why": f"version 2 is not promoted: {why}",
    }  # fmt: skip
    assert left["conclude", "note"] == [f"version 2 is not promoted: {why}"]


def test_a_question_that_came_to_no_end_lets_its_version_be_considered_anew(store, rows, left, monkeypatch):
    monkeypatch.setattr(tasks, "_store", lambda home: store)
    approval.propose(store, ASKED, rows, None, by="the timer")
    tasks.conclude(home="", settings=encode(ASKED))
    assert version_of(store, 2).tags["decision"] == "pending"
    assert left["conclude", "note"] == ["version 2 is considered anew: its proposal came to no end"]
