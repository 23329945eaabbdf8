"""Airflow itself reads every generated DAG: no error, no warning of ours, and all that it stores can be read back."""

import json
import os
import subprocess
import sys

import pytest

from generator.plan import apply, plan
from tests.generator.specs import spec_of

pytestmark = pytest.mark.slow

SMTP = {"airflow.providers.smtp.notifications.smtp.SmtpNotifier": {"to": "me@a.b", "from_email": "us@a.b"}}
PIPELINES = {
    "plain": {},
    "prompt": {"promote": {"on_new_version": True, "schedule": "30s"}},
    "narrow": {"train": {"estimators": ["sklearn.tree.*"], "deny": ["*.Extra*"]}, "host": {"enabled": False}},
    "told": {
        "airflow": {
            "owner": "ml-team",
            "tags": ["images"],
            "retries": 0,
            "retry_delay_seconds": 90,
            "queue": "big",
            "on_failure": SMTP,
            "on_promotion": SMTP,
        }
    },
}

# What the DAG processor does with a folder.
PARSE = """
import json, os, warnings
warnings.simplefilter("always")
seen = []
warnings.showwarning = lambda message, category, file, line, *_: seen.append((file, str(message)))
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(os.environ["DAGS"])
stored = {name: json.dumps(DagSerialization.to_dict(dag)) for name, dag in bag.dags.items()}
back = {name: DagSerialization.from_dict(json.loads(text)) for name, text in stored.items()}
print("FOUND", json.dumps({
    "errors": bag.import_errors,
    "warnings": seen + [text.split(":", 1) for found in bag.captured_warnings.values() for text in map(str, found)],
    "dags": {
        name: {task.task_id: [task.doc_md, task.owner, task.queue, task.extra_links] for task in dag.tasks}
        for name, dag in back.items()
    },
}))
"""


def parse(home, pipelines):
    """Generate the DAGs of a spec, and return what Airflow makes of them."""
    data = {"source": "sklearn.datasets.load_wine", "target": "target"}
    apply(plan(spec_of(home, {"version": 1, "pipelines": {n: {"data": data, **own} for n, own in pipelines.items()}})))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DAGS": str(home / "dags_generated"),
        "DROPFORGE_HOME": str(home),
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PARSE], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert "FOUND " in done.stdout, done.stdout + done.stderr
    return json.loads(done.stdout.rpartition("FOUND ")[2].splitlines()[0])


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    return parse(tmp_path_factory.mktemp("project"), PIPELINES)


def test_there_is_no_error_and_every_dag_is_there(parsed):
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == {f"{name}_{kind}" for name in PIPELINES for kind in ("train", "promote")}


def test_no_warning_is_ours(parsed):
    # dag-factory and the providers import old paths of Airflow's.
    assert parsed["warnings"], "they are seen"
    assert [(file, text) for file, text in parsed["warnings"] if "site-packages" not in file] == []


def test_what_airflow_stores_has_the_words_the_settings_and_the_links(parsed):
    for tasks in parsed["dags"].values():
        assert all(doc for doc, *_ in tasks.values())
    told = {**parsed["dags"]["told_train"], **parsed["dags"]["told_promote"]}
    assert {(owner, queue) for _, owner, queue, _ in told.values()} == {("ml-team", "big")}
    links = {task: links for task, (*_, links) in told.items() if links}
    model = ["Model in MLflow"]
    assert links == {"train": ["MLflow run"], "validate": model, "promote": model, "prove": model}


def test_a_notifier_that_is_not_there_is_an_error_that_names_its_place(tmp_path):
    (error,) = parse(tmp_path, {"wine": {"airflow": {"on_failure": {"no.such.Notifier": {}}}}})["errors"].values()
    assert "airflow.on_failure.no.such.Notifier: there is no such class" in error
