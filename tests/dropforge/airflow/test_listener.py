"""The note that a run has when it ends, in Airflow's own database."""

import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from sqlalchemy import select

from dropforge.airflow import plugin
from dropforge.airflow.notes import fitting, listed
from tests.dropforge.airflow.runs import make_run

pytestmark = pytest.mark.usefixtures("tables")


def end(run_id, state=DagRunState.SUCCESS):
    """End a run, and tell it as the scheduler does; return the note that is stored then."""
    told = plugin.on_dag_run_success if state == DagRunState.SUCCESS else plugin.on_dag_run_failed
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.run_id == run_id))
        run.set_state(state)
        told(dag_run=run, msg="")
    with create_session() as session:
        return session.scalar(select(DagRun).where(DagRun.run_id == run_id)).note


def test_a_run_gets_what_its_tasks_left_in_their_order():
    run = make_run("wine_train", {("finish", -1, "note"): ["`a` is in done/"], ("claim", -1, "note"): ["`b` is wrong"]})
    assert end(run) == "- `b` is wrong\n- `a` is in done/"


def test_a_single_line_is_no_list():
    assert end(make_run("wine_promote", {("promote", -1, "note"): ["version 1 wins"]})) == "version 1 wins"


def test_a_run_that_failed_names_its_tasks():
    run = make_run("wine_promote", {("promote", -1, "note"): ["version 1 wins"]}, failed=("prove", "train"))
    assert end(run, DagRunState.FAILED) == "- version 1 wins\n- `prove` failed: the end of its log says why"


def test_the_note_of_a_person_stays():
    run = make_run("wine_train", {("finish", -1, "note"): ["`a` is in done/"]})
    with create_session() as session:
        session.scalar(select(DagRun).where(DagRun.run_id == run)).note = ("mine", "me")
    assert end(run) == "mine"


def test_a_run_that_ends_again_gets_its_new_note():
    run = make_run("wine_train", {("finish", -1, "note"): ["`a` is in done/"]})
    with create_session() as session:
        session.scalar(select(DagRun).where(DagRun.run_id == run)).note = "what it said before"
    assert end(run) == "`a` is in done/"


def test_no_note_is_made_of_nothing_nor_for_others_dags():
    assert end(make_run("wine_train", {})) is None
    assert end(make_run("theirs", {("finish", -1, "note"): ["a"]})) is None
    assert end(make_run("wine_train", {("finish", -1, "note"): "no list"})) is None


@pytest.mark.parametrize("tags", [(), {"dropforge"}, {"wine"}, {"dropforge", "beer"}, {"wine", "Dropforge"}])
def test_a_dag_of_somebody_else_that_bears_such_a_name_gets_no_note(tags):
    left = {("finish", -1, "note"): ["theirs"]}
    assert end(make_run("wine_train", left, failed=("fetch",), tags=tags), DagRunState.FAILED) is None
    assert end(make_run("wine_promote", left, tags=tags)) is None


def test_it_fits_into_airflows_column():
    long = fitting([f"{number} {'x' * 90}" for number in range(2000)])
    note = end(make_run("wine_train", {("claim", -1, "note"): long, ("finish", -1, "note"): long}))
    assert note == listed([*long, *long])
    assert 700 < len(note) <= 1000
    assert len(end(make_run("wine_train", {("finish", -1, "note"): ["x" * 2000] * 3}))) <= 1000
