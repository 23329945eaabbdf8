"""A person approves: the proposal waits in Airflow, holds up nobody, and each answer does what it says."""

import contextlib
import json
import sqlite3

from tests.stack.project import until
from tests.stack.test_promote import forest, tree


def waiting(project):
    """Return the runs in which somebody is asked."""
    return [t["dag_run_id"] for t in project.tasks("asked_promote") if t["state"] == "awaiting_input"]


def answer(project, run, option):
    """Answer, and again where Airflow asks again: an answer in the second after the question can be lost to it."""
    where = f"/dags/asked_promote/dagRuns/{run}/taskInstances/approve/-1"

    def answered():
        if project.airflow.get(where).json()["state"] != "awaiting_input":
            return project.airflow.get(where).json()["state"] == "success"
        project.airflow.patch(f"{where}/hitlDetails", json={"chosen_options": [option], "params_input": {}})
        return False

    until(answered, "the answer is taken")


def let_time_out(project, run):
    """Have the time for an answer be over."""
    with contextlib.closing(sqlite3.connect(project.home / ".dropforge/airflow/airflow.db", timeout=60)) as database:
        changed = database.execute(
            "UPDATE task_instance SET trigger_timeout = '2026-01-01 00:00:00' WHERE run_id = ? AND task_id = 'approve'",
            [run],
        )
        assert changed.rowcount == 1
        database.commit()


def by_form(project, **conf):
    """Trigger the promote DAG by its form, and wait until that run has ended; return it."""
    made = project.airflow.post("/dags/asked_promote/dagRuns", json={"logical_date": None, "conf": conf})
    made.raise_for_status()
    where = f"/dags/asked_promote/dagRuns/{made.json()['dag_run_id']}"
    return until(
        lambda: (run := project.airflow.get(where).json())["state"] in ("success", "failed") and run, "it has ended"
    )


def decision(project, number):
    return project.mlflow.get_model_version("asked", str(number)).tags["decision"]


def test_a_proposal_waits_and_holds_up_nobody_and_each_answer_does_what_it_says(project):
    project.drop("asked", tree_yaml=tree(5))
    (first,) = until(lambda: waiting(project), "somebody is asked about version 1")
    assert project.champion("asked") is None
    assert decision(project, 1) == "proposed"
    shown = project.airflow.get(f"/dags/asked_promote/dagRuns/{first}/taskInstances/approve/-1/hitlDetails").json()
    assert shown["subject"] == "Promote version 1 of asked?"
    assert "| 1 (challenger) |" in shown["body"]

    # Meanwhile: a tick that has nothing new, and one that does; a person promotes by hand, and rolls back.
    assert by_form(project)["note"] == "no new version; there is no champion yet"
    project.drop("asked", better_yaml=tree(7))
    until(lambda: len(waiting(project)) == 2, "somebody is asked about version 2 as well")
    (second,) = set(waiting(project)) - {first}
    assert by_form(project, version="1", why="for now")["note"] == "version 1 is promoted by hand: for now"
    assert project.champion("asked") == "1"

    answer(project, second, "Approve")
    until(lambda: project.served("asked") == "2", "version 2 is served")
    assert "approved by" in until(
        lambda: project.airflow.get(f"/dags/asked_promote/dagRuns/{second}").json()["note"], "the run has its note"
    )
    answer(project, first, "Approve")
    project.idle("asked_promote")
    assert project.champion("asked") == "2", "version 1 was decided meanwhile"

    assert (
        by_form(project, action="rollback", why="a drill")["note"] == "rolled back from version 2 to version 1: a drill"
    )
    assert (project.champion("asked"), decision(project, 2)) == ("1", "rolled back")

    project.drop("asked", another_yaml=tree(9))
    (third,) = until(lambda: waiting(project), "somebody is asked about version 3")
    project.drop("asked", forest_yaml=forest(20, 9))
    until(lambda: len(waiting(project)) == 2, "somebody is asked about version 4 as well")
    (fourth,) = set(waiting(project)) - {third}
    let_time_out(project, fourth)
    answer(project, third, "Reject")
    until(lambda: [decision(project, number) for number in (3, 4)] == ["rejected"] * 2, "both are rejected")
    project.idle("asked_promote")
    assert project.champion("asked") == "1"
    assert by_form(project)["note"] == "no new version; version 1 stays"

    told = [reign["version"] for reign in json.loads(project.cli("history", "asked", "--json"))]
    assert told == ["1", "2", "1"]
    place = project.mlflow.get_experiment_by_name("asked-promotions").experiment_id
    rejected = project.mlflow.search_runs([place], "tags.kind = 'rejected'")
    assert {(run.data.tags["why"], run.data.tags["by"]) for run in rejected} == {
        ("version 3 is not promoted: rejected by Anonymous in Airflow", "Anonymous in Airflow"),
        ("version 4 is not promoted: nobody answered within 7d", "the timer"),
    }
