"""What people do and see in Airflow: a form for a config, notes that say what happened, links, and who is told."""

import json

from tests.stack.project import until
from tests.stack.test_train import by_file, tree

NEIGHBOURS = "class: sklearn.neighbors.KNeighborsClassifier\nparams: {n_neighbors: 5000}\n"


def trigger(project, pipeline, config):
    """Type a config into the form of the train DAG, and return the run that did it."""
    until(lambda: project.airflow.get(f"/dags/{pipeline}_train").is_success, "Airflow has read the DAG")
    body = {"logical_date": None, "conf": {"config": config}}
    answer = project.airflow.post(f"/dags/{pipeline}_train/dagRuns", json=body)
    answer.raise_for_status()
    return answer.json()["dag_run_id"]


def ended(project, dag, run):
    """Wait until a run has ended, and return it."""
    return until(
        lambda: (found := run_of(project, dag, run))["state"] in ("success", "failed") and found, f"{run} has ended"
    )


def run_of(project, dag, run):
    return project.airflow.get(f"/dags/{dag}/dagRuns/{run}").json()


def link(project, dag, run, task, name, index=-1):
    where = f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/links"
    return project.airflow.get(where, params={"map_index": index}).json()["extra_links"].get(name)


def typed(project, pipeline, folder):
    found = (project.watch(pipeline) / folder).glob("form-*")
    return {path.name for path in found if not path.name.endswith(".error.txt")}


def test_a_typed_config_becomes_a_version_and_a_cleared_claim_drops_it_once(project):
    run = trigger(project, "drops", tree(91))
    note = ended(project, "drops_train", run)["note"]
    (file,) = typed(project, "drops", "done")
    version = by_file(project, "drops")[file]
    assert (project.watch("drops") / "done" / file).read_text() == tree(91)
    assert note.startswith(f"`{file}` is in done/: version {version.version} with f1_macro ")

    body = {"dry_run": False, "dag_run_id": run, "task_ids": ["claim"], "include_downstream": True,
            "only_failed": False, "reset_dag_runs": True}  # fmt: skip
    project.airflow.post("/dags/drops_train/clearTaskInstances", json=body).raise_for_status()
    until(lambda: run_of(project, "drops_train", run)["state"] in ("queued", "running"), "the run is at work again")
    assert ended(project, "drops_train", run)["note"] == "there was nothing to train"
    assert typed(project, "drops", "done") == {file}
    assert project.waiting("drops") == []
    assert len([v for v in project.versions("drops") if v.tags["config_file"] == file]) == 1


def test_a_typed_mistake_is_rejected_like_any_other(project):
    run = trigger(project, "drops", json.dumps({"class": "DecisionTreeClassifier", "params": {"max_dept": 3}}))
    note = ended(project, "drops_train", run)["note"]
    (file,) = typed(project, "drops", "rejected")
    assert file.endswith(".json")
    text = (project.watch("drops") / "rejected" / f"{file}.error.txt").read_text()
    assert f"{file}:1:" in text
    assert "Did you mean 'max_depth'?" in text
    assert f"`{file}` is rejected: line 1: DecisionTreeClassifier has no parameter 'max_dept'" in note
    assert file not in by_file(project, "drops")


def test_notes_and_links_say_what_became_of_a_drop_and_where_to_look(project):
    project.drop("told", good_yaml=tree(5), bad_yaml=NEIGHBOURS)
    project.filed("told", "good.yaml")
    project.filed("told", "bad.yaml", folder="rejected")
    project.idle("told_train")
    until(lambda: project.champion("told") == "1", "version 1 is champion")
    project.idle("told_promote")
    mlflow = project.addresses["mlflow"]
    version = by_file(project, "told")["good.yaml"]

    good = project.train_task("told_train", "good.yaml: DecisionTreeClassifier")
    bad = project.train_task("told_train", "bad.yaml: KNeighborsClassifier")
    run = good["dag_run_id"]
    assert link(project, "told_train", run, "train", "MLflow run", good["map_index"]) == (
        f"{mlflow}/#/runs/{version.run_id}"
    )
    assert link(project, "told_train", bad["dag_run_id"], "train", "MLflow run", bad["map_index"]) is None
    notes = "\n".join(str(found["note"]) for found in project.runs("told_train"))
    assert "`good.yaml` is in done/: version 1 with f1_macro" in notes
    assert "`bad.yaml` is in rejected/: 1 not trained:" in notes

    won = next(found for found in project.runs("told_promote") if "first champion" in str(found["note"]))
    assert won["note"].startswith("version 1 is the first champion: f1_macro")
    at = ("told_promote", won["dag_run_id"])
    assert link(project, *at, "promote", "Model in MLflow") == f"{mlflow}/#/models/told"
    assert link(project, *at, "validate", "Model in MLflow", 0) == f"{mlflow}/#/models/told/versions/1"
    # No other task has links, not even an empty heading for them.
    assert project.airflow.get(f"/dags/{at[0]}/dagRuns/{at[1]}/taskInstances/find/links").json()["extra_links"] == {}

    told = (project.home / "told.txt").read_text().splitlines()
    assert any(line.startswith("train failed: bad.yaml: ") for line in told)
    assert [line for line in told if line.startswith("champion")] == [f"champion 1: {won['note']}"]


def test_whoever_clicks_while_tasks_report_is_not_told_that_the_database_is_locked(project):
    project.drop("drops", **{f"clicks{depth}_yaml": tree(depth) for depth in (71, 72, 73)})
    done = [project.watch("drops") / "done" / f"clicks{depth}.yaml" for depth in (71, 72, 73)]
    answers = []
    while not all(place.exists() for place in done) and len(answers) < 1000:
        answers.append(project.airflow.patch("/dags/drops_train", json={"is_paused": False}))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers if answer.is_error]
    project.filed("drops", *(place.name for place in done))


def test_a_dag_says_who_answers_for_it(project):
    dag = project.airflow.get("/dags/told_train/details").json()
    assert dag["owners"] == ["somebody"]
    assert {"seen", "told", "dropforge"} <= {tag["name"] for tag in dag["tags"]}
    assert project.airflow.get("/importErrors").json()["import_errors"] == []
