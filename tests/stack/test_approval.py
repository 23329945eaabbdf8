"""A person approves: the proposal waits in Airflow, holds up nobody, and each answer does what it says."""

import json

from tests.stack.project import until
from tests.stack.test_promote import tree


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
    answer(project, third, "Reject")
    until(lambda: decision(project, 3) == "rejected", "version 3 is rejected")
    project.idle("asked_promote")
    assert project.champion("asked") == "1"
    assert by_form(project)["note"] == "no new version; version 1 stays"

    told = [reign["version"] for reign in json.loads(project.cli("history", "asked", "--json"))]
    assert told == ["1", "2", "1"]
