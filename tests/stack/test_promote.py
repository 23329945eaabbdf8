"""The best version goes to Production and is served, by the timer or as soon as it is registered."""

import itertools
import json
import threading
from itertools import pairwise

import httpx

from tests.stack.project import until


def forest(trees, depth):
    return (
        "class: sklearn.ensemble.RandomForestClassifier\n"
        f"params: {{n_estimators: {trees}, max_depth: {depth}, random_state: 1}}\n"
    )


def tree(depth):
    return f"class: sklearn.tree.DecisionTreeClassifier\nparams: {{max_depth: {depth}, random_state: 1}}\n"


def test_before_there_is_a_champion_the_server_says_what_to_do(project):
    answer = project.predict("paused")
    assert project.champion("paused") is None
    assert answer.status_code == 503
    assert "configs/paused" in answer.json()["remedy"]


def test_the_timer_alone_promotes(project):
    project.pause("timed_promote", False)
    project.drop("timed", tree_yaml=tree(6))
    project.filed("timed", "tree.yaml")
    until(lambda: project.champion("timed") == "1", "version 1 is champion")
    until(lambda: project.served("timed") == "1", "version 1 is served")
    # The server follows the alias by itself too, and may do so just before the stage is moved.
    until(
        lambda: project.mlflow.get_model_version("timed", "1").current_stage == "Production", "version 1 has the stage"
    )
    version = project.mlflow.get_model_version("timed", "1")
    assert version.tags["validation_status"] == "passed"
    assert float(version.tags["holdout_f1_macro"]) > 0.5
    # No asset event caused these runs: the pipeline says on_new_version: false.
    assert {run["run_type"] for run in project.runs("timed_promote")} == {"scheduled"}


def test_a_new_version_promotes_at_once_and_a_worse_one_changes_nothing(project):
    project.drop("prompt", tree_yaml=tree(6))
    until(lambda: project.served("prompt") == "1", "version 1 is served")
    project.idle("prompt_promote")
    answer = project.predict("prompt")
    assert answer.status_code == 200
    assert answer.headers["X-Model-Version"] == "1"
    assert any(run["run_type"] == "asset_triggered" for run in project.runs("prompt_promote"))

    project.drop("prompt", worse_yaml=tree(5))
    until(
        lambda: (
            len(project.versions("prompt")) == 2
            and project.mlflow.get_model_version("prompt", "2").tags["decision"] == "not promoted"
        ),
        "version 2 is decided",
    )
    assert project.champion("prompt") == "1"
    assert project.served("prompt") == "1"
    worse = project.mlflow.get_model_version("prompt", "2")
    assert (worse.current_stage, worse.tags["validation_status"]) == ("None", "passed")
    prove = [t for t in project.tasks("prompt_promote") if t["task_id"] == "prove" and t["state"] == "success"]
    assert prove, "a real prediction over HTTP proved the champion"


def test_a_better_version_is_served_without_one_failed_request_under_load(project):
    if project.champion("prompt") is None:  # this test alone
        project.drop("prompt", tree_yaml=tree(6))
    until(lambda: project.served("prompt") == "1", "version 1 is served")
    answers, stop = ([], []), threading.Event()

    def ask(mine):
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                answer = project.predict("prompt", client)
                mine.append((answer.status_code, answer.headers.get("X-Model-Version")))

    clients = [threading.Thread(target=ask, args=[mine]) for mine in answers]
    for client in clients:
        client.start()
    try:
        project.drop("prompt", better_yaml=forest(100, 6))
        project.filed("prompt", "better.yaml")
        new = project.versions("prompt")[-1].version
        until(lambda: project.served("prompt") == new, "the better version is served")
        seen = [len(mine) for mine in answers]
        until(lambda: all(len(mine) > n + 10 for mine, n in zip(answers, seen, strict=True)), "some more answers")
    finally:
        stop.set()
        for client in clients:
            client.join()
    for mine in answers:  # between the two, an answer that began before the swap may end after it
        assert {status for status, _ in mine} == {200}
        named = [version for _, version in mine]
        assert named == sorted(named, key=["1", new].index), "first the old one, then the new one, and never back"
    # The server follows the alias by itself too, and may do so just before the stage is moved.
    until(lambda: project.mlflow.get_model_version("prompt", "1").current_stage == "Archived", "version 1 is archived")
    assert "dropforge_swaps_total" in httpx.get(f"{project.addresses['server']}/metrics").text


def test_airflow_and_the_command_line_promote_at_once_and_leave_one_champion_and_no_gap(project):
    project.drop("raced", **{f"tree{depth}_yaml": tree(depth) for depth in (3, 4, 5)})
    project.filed("raced", "tree3.yaml", "tree4.yaml", "tree5.yaml")
    for by_form, by_command in (("1", "2"), ("3", "1")):
        body = {"logical_date": None, "conf": {"version": by_form, "why": "a form"}}
        project.airflow.post("/dags/raced_promote/dagRuns", json=body).raise_for_status()
        # Until Airflow's run has ended, so that they meet at any of its steps; each has something to move.
        for version in itertools.chain([by_command], itertools.cycle([by_form, by_command])):
            project.cli("promote", "raced", "--version", version, "--why", "a command")
            if all(run["state"] not in ("queued", "running") for run in project.runs("raced_promote")):
                break
    assert {run["state"] for run in project.runs("raced_promote")} == {"success"}
    until(lambda: project.served("raced") == project.champion("raced"), "the champion is served")
    reigns = json.loads(project.cli("history", "raced", "--json"))
    assert len(reigns) > 1
    experiment = project.mlflow.get_experiment_by_name("raced-promotions").experiment_id
    records = project.mlflow.search_runs([experiment], "tags.moves = 'true'", order_by=["attributes.start_time DESC"])
    for newer, older in pairwise([record.data.tags for record in records]):
        assert newer["previous"] == older["champion"], "no gap"
    for who in ("a form", "a command"):
        assert any(who in reign["why"] for reign in reigns), reigns
