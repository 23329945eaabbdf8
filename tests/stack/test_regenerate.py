"""The spec is edited and generated anew while runs are in flight: they end with what they began with."""

import contextlib
import json
import os
import signal

from tests.stack.killing import kill
from tests.stack.project import until
from tests.stack.test_people import ended
from tests.stack.test_train import by_file, tree

OLD = """    train: {estimators: ["sklearn.tree.*", "sklearn.dummy.*"]}
    promote: {on_new_version: true, metric: f1_micro}
"""
# Rows that were learned from are holdout rows now.
NEW = """    data: {split: {test: 0.3}}
    train: {estimators: ["sklearn.dummy.*"]}
    promote: {on_new_version: true, metric: matthews_corrcoef}
"""
DUMMY = "class: sklearn.dummy.DummyClassifier\nparams: {strategy: most_frequent}\n"


def edit(project, old, new):
    spec = project.home / "pipelines.yaml"
    text = spec.read_text()
    assert old in text
    spec.write_text(text.replace(old, new))


def drift(project):
    """Return what `dropforge status` says: kind, pipeline and words of each drift."""
    found = json.loads(project.cli("status", "--json"))["drift"]
    return [(one["kind"], one["pipeline"], one["message"]) for one in found]


def taken_up(project):
    """Wait until spec, files and Airflow agree."""
    until(lambda: drift(project) == [], "Airflow has read the files")


@contextlib.contextmanager
def unread(project):
    """Keep Airflow from reading files within the block."""
    reader = project.record()["parts"]["dag-processor"]["pid"]
    os.killpg(reader, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(reader, signal.SIGCONT)


def metrics(project, pipeline, file):
    found = project.mlflow.get_run(by_file(project, pipeline)[file].run_id).data.metrics
    return {name.removeprefix("test_") for name in found} & {"f1_micro", "matthews_corrcoef"}


def test_runs_in_flight_end_with_what_they_began_with_and_the_next_ones_use_the_new_settings(project):
    taken_up(project)
    # A promotion is in flight: it has scored version 1, and decides later.
    project.points.arm("measured")
    project.drop("edited", first_yaml=tree(3))
    until(lambda: project.points.held("measured"), "version 1 is scored")
    (promotion,) = [run["dag_run_id"] for run in project.runs("edited_promote") if run["state"] == "running"]
    # A fit is in flight.
    project.points.arm("fitting")
    project.drop("edited", long_yaml=tree(4))
    fit = until(lambda: project.points.held("fitting"), "the fit is under way")
    training = project.train_task("edited_train", "long.yaml: DecisionTreeClassifier")["dag_run_id"]

    with unread(project):
        edit(project, OLD, NEW)
        ((kind, pipeline, words),) = drift(project)
        assert (kind, pipeline) == ("spec", "edited")
        assert "metric f1_micro -> matthews_corrcoef" in words
        project.cli("generate")
        assert drift(project) == [("airflow", "edited", "Airflow has not read its latest files yet")]
    taken_up(project)

    # The fit dies: the task that is tried again reads the new file, and fits what the old one allowed.
    kill(project, "task", fit)
    project.points.release()
    assert ended(project, "edited_promote", promotion)["note"].startswith("version 1 is the first champion: f1_micro")
    assert project.champion("edited") == "1"
    run = ended(project, "edited_train", training)
    assert run["state"] == "success"
    assert run["note"].startswith("`long.yaml` is in done/: version 2 with f1_micro ")
    assert metrics(project, "edited", "long.yaml") == {"f1_micro"}

    # The promotion of version 2 began later, and so did what is dropped now.
    reasons = until(
        lambda: project.mlflow.get_model_version("edited", "2").tags.get("validation_reasons"), "version 2 is scored"
    )
    assert "trained on another split" in reasons
    project.drop("edited", tree_yaml=tree(5), dummy_yaml=DUMMY)
    project.filed("edited", "tree.yaml", folder="rejected")
    project.filed("edited", "dummy.yaml")
    assert metrics(project, "edited", "dummy.yaml") == {"matthews_corrcoef"}
    project.idle("edited_train", "edited_promote")
    assert project.champion("edited") == "1"


def test_a_run_of_a_pipeline_that_is_removed_waits_until_it_is_back(project):
    taken_up(project)
    project.points.arm("fitting")
    project.drop("leaving", stays_yaml=tree(3))
    until(lambda: project.points.held("fitting"), "the fit is under way")
    run = project.train_task("leaving_train", "stays.yaml: DecisionTreeClassifier")["dag_run_id"]

    with unread(project):
        edit(project, "  leaving: {}\n", "")
        project.cli("generate")
        assert drift(project) == [("airflow", "leaving", "Airflow still has its DAGs, though its files are gone")]
    taken_up(project)
    project.points.release()
    until(lambda: by_file(project, "leaving").get("stays.yaml"), "the fit that was under way is registered")
    assert project.waiting("leaving") == ["stays.yaml"]

    edit(project, "  exact:\n", "  leaving: {}\n  exact:\n")
    project.cli("generate")
    assert ended(project, "leaving_train", run)["state"] == "success"
    project.filed("leaving", "stays.yaml")
    assert len(project.versions("leaving")) == 1
    taken_up(project)
