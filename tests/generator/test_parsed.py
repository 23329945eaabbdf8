"""Airflow itself reads every generated DAG: no error, no warning of ours, and all that it stores can be read back."""

import functools
import json
import operator
import os
import re
import subprocess
import sys

import pytest

from generator.plan import apply, plan
from generator.schema import PIPELINE
from tests.generator.specs import spec_of

pytestmark = pytest.mark.slow

SMTP = {"airflow.providers.smtp.notifications.smtp.SmtpNotifier": {"to": "me@a.b", "from_email": "us@a.b"}}
# Every key of the schema stands somewhere here.
FULL = {
    "description": "Which cultivar a wine comes from",
    "data": {
        "source": "sklearn.datasets.load_wine",
        "target": "target",
        "id": "number",
        "csv": {"separator": ";", "decimal": ",", "encoding": "cp1252"},
        "features": {"include": ["alcohol", "hue"], "exclude": ["hue"]},
        "preprocess": "none",
        "split": {"test": 0.3, "holdout": 0.3, "seed": 7, "method": "hash", "group": "vineyard", "time": None},
    },
    "train": {
        "watch": "configs/else where",
        "estimators": ["sklearn.tree.*"],
        "deny": ["*.Extra*"],
        "timeout_seconds": 12.5,
        "memory_mb": 512,
        "max_grid": 3,
        "cv": 5,
        "log": "minimal",
    },
    "promote": {
        "schedule": "*/7 * * * 1-5",
        "timezone": "Europe/Berlin",
        "on_new_version": True,
        "metric": "accuracy",
        "minimum": 0.5,
        "min_improvement": 0.01,
        "guards": {"log_loss": {"max": 0.5}, "size_mb": {"min": 0, "max": 20}},
        "slices": {"by": "region", "minimum": 0.4},
        "confidence": 0.95,
        "approval": "required",
        "approval_timeout": "2d",
        "stage": "Staging",
        "alias": "best",
    },
    "host": {"enabled": False},
    "airflow": {
        "owner": "ml-team",
        "tags": ["images"],
        "retries": 3,
        "retry_delay_seconds": 90,
        "pool": "fits",
        "queue": "big",
        "on_failure": SMTP,
        "on_promotion": SMTP,
    },
}
PIPELINES = {
    "plain": {},
    "interval": {"promote": {"schedule": "30s"}},
    "prompt": {"promote": {"on_new_version": True, "schedule": "@weekly"}},
    "never": {"airflow": {"retries": 0}},
    "full": FULL,
}
# Old paths of Airflow's that dag-factory and a provider import: theirs to mend.
OTHERS = {
    ("airflow/providers/standard/sensors/python.py", "airflow.utils.operator_helpers.determine_kwargs"),
    ("dagfactory/dagbuilder.py", "airflow.operators.python.BranchPythonOperator"),
    ("dagfactory/dagbuilder.py", "airflow.operators.python.PythonOperator"),
    ("dagfactory/dagbuilder.py", "airflow.sensors.python.PythonSensor"),
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
        name: {
            task.task_id: {
                "doc": task.doc_md, "owner": task.owner, "queue": task.queue, "pool": task.pool,
                "retries": task.retries, "delay": task.retry_delay.total_seconds(),
                "longest": task.max_retry_delay.total_seconds(), "links": task.extra_links,
                "callbacks": [task.has_on_failure_callback, task.has_on_success_callback],
            }
            for task in dag.tasks
        }
        for name, dag in back.items()
    },
    "tags": {name: sorted(dag.tags) for name, dag in back.items()},
    "schedules": {name: dag.timetable.summary for name, dag in back.items()},
}))
"""


def parse(home, pipelines):
    """Generate the DAGs of a spec, and return what Airflow makes of them."""
    data = {"source": "sklearn.datasets.load_wine", "target": "target"}
    apply(plan(spec_of(home, {"version": 1, "pipelines": {n: {"data": data} | own for n, own in pipelines.items()}})))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DAGS": str(home / "dags_generated"),
        "DROPFORGE_HOME": str(home),
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
    }
    done = subprocess.run(  # noqa: S603
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


def test_every_key_of_the_schema_is_among_what_is_parsed():
    def keys(schema, path=()):
        for name, rule in schema.items():
            yield (*path, name)
            yield from keys(rule.get("schema", {}) if rule["type"] == "dict" else {}, (*path, name))

    def is_there(path):
        try:
            functools.reduce(operator.getitem, path, FULL)
        except KeyError:
            return False
        return True

    assert [path for path in keys(PIPELINE) if not is_there(path)] == []


def test_no_warning_is_ours(parsed):
    assert [(file, text) for file, text in parsed["warnings"] if "site-packages" not in file] == []
    # What others warn of may be caused by what we generate.
    seen = {(file.rpartition("site-packages/")[2], re.search("`([^`]*)`", text)) for file, text in parsed["warnings"]}
    assert {(file, name and name[1]) for file, name in seen} == OTHERS


def test_what_airflow_stores_has_the_words_the_settings_and_the_links(parsed):
    assert all(task["doc"] for tasks in parsed["dags"].values() for task in tasks.values())
    full = {**parsed["dags"]["full_train"], **parsed["dags"]["full_promote"]}
    expected = {"owner": "ml-team", "queue": "big", "pool": "fits", "retries": 3, "delay": 90.0, "longest": 90.0}
    assert [name for name, task in full.items() if {key: task[key] for key in expected} != expected] == []
    links = {name: task["links"] for name, task in full.items() if task["links"]}
    run, model = ["MLflow run"], ["Model in MLflow"]
    assert links == {
        **dict.fromkeys(("train", "compare"), run),
        **dict.fromkeys(("validate", "propose", "promote", "prove"), model),
    }
    assert {name for name, task in full.items() if task["callbacks"][0]} == set(full)
    assert {name for name, task in full.items() if task["callbacks"][1]} == {"promote"}
    assert not any(any(task["callbacks"]) for task in parsed["dags"]["plain_promote"].values())
    assert (
        parsed["tags"]["full_train"] == parsed["tags"]["full_promote"] == ["dagfactory", "dropforge", "full", "images"]
    )


def test_airflow_has_the_schedules_of_the_spec(parsed):
    kind = "_promote"
    assert {name.removesuffix(kind): text for name, text in parsed["schedules"].items() if name.endswith(kind)} == {
        "plain": "*/5 * * * *",
        "interval": "0:00:30",
        "prompt": "Asset or 0 0 * * 0",
        "never": "*/5 * * * *",
        "full": "Asset or */7 * * * 1-5",
    }


def test_a_notifier_that_is_not_there_is_an_error_that_names_its_place(tmp_path):
    (error,) = parse(tmp_path, {"wine": {"airflow": {"on_failure": {"no.such.Notifier": {}}}}})["errors"].values()
    assert "airflow.on_failure.no.such.Notifier: there is no such class" in error
