"""What users write reaches the real tasks unchanged: the generated files, loaded by dag-factory as Airflow does it."""

import json
import os
import subprocess
import sys

import pytest

from dropforge.settings import decode
from generator.plan import apply, plan
from tests.generator.specs import spec_of

pytestmark = pytest.mark.slow

HOSTILE = (
    'it\'s "quoted" `code` {a: [b]} # no comment - & * ! | > @ \\ \\n \\u0024HOME C:\\temp 50% %HOME% %(a)s {0} '
    "{{ 1 }} {{ macros }} {% raw %} {# note #} $HOME ${HOME} $DROPFORGE_HOME $$ +claim __type__: os.system "
    "<b>bold</b> ~ null\nsecond line\r\n\ttab \x7f \x85 \u2028 \u2029 \ufeff é 漢字 😀 '''\"\"\" end "
)
LABEL = 'it\'s "mine" {{ 1 }} {% raw %} $HOME $(HOME) +claim # & * ! | > \\ 100% é 漢字 😀'
ARGUMENTS = {"text": HOSTILE, "more": {"__type__": "os.system", "__args__": ["false"], "$HOME": ["+claim", None, 1.5]}}
TOLD = """
from airflow.sdk import BaseNotifier

class Told(BaseNotifier):
    def __init__(self, **arguments):
        super().__init__()
        self.arguments = arguments
"""
NAMES = ("null", "true", "wine_2")
WRITTEN = HOSTILE.replace("${", "$${")  # how a spec says that no variable is meant

# Runs the loader of each pipeline and tells what dag-factory made of it.
LOAD = """
import json, os, pathlib, runpy
found = {}
def as_list(value):
    return value if isinstance(value, list) else [value]
for loader in sorted(pathlib.Path(os.environ["DROPFORGE_HOME"], "dags_generated").glob("*.py")):
    for dag in runpy.run_path(str(loader)).values():
        if type(dag).__name__ != "DAG":
            continue
        tasks = {}
        for task in dag.tasks:
            mapped = getattr(task, "partial_kwargs", {}).get("op_kwargs")
            kwargs = mapped if mapped is not None else task.op_kwargs
            environment = dag.get_template_env()
            tasks[task.task_id] = {
                key: environment.from_string(kwargs[key]).render({"a": 1}) for key in ("home", "settings")
            }
            assert all(tasks[task.task_id][key] == kwargs[key] for key in ("home", "settings"))
        told = dag.get_task("promote").on_success_callback if dag.has_task("promote") else []
        told = [*told, *(callback for task in dag.tasks for callback in as_list(task.on_failure_callback))]
        found[dag.dag_id] = {
            "tags": sorted(dag.tags), "owner": dag.owner, "places": [[task.pool, task.queue] for task in dag.tasks],
            "told": [notifier.arguments for callback in told for notifier in callback._notifiers],
        }
        found[dag.dag_id] |= {"description": dag.description, "doc_md": dag.doc_md, "tasks": tasks}
        if dag.dag_id.endswith("_train"):
            (watcher,) = dag.timetable.asset_condition.watchers
            found[dag.dag_id] |= {"watch": watcher.trigger.watch, "home": watcher.trigger.home}
json.dumps(found, ensure_ascii=False).encode()  # half a character could not be written
print("FOUND", json.dumps(found))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project whose folder, too, has a name that means something to YAML."""
    return tmp_path_factory.mktemp('it\'s {mine} - "a: b" #1 $HOME')


@pytest.fixture(scope="module")
def pipelines(home):
    """Pipelines named like words of YAML, with hostile text wherever a user may write some."""
    entry = {
        "description": WRITTEN,
        "data": {"source": f"{WRITTEN}.csv", "target": WRITTEN, "id": f"+{WRITTEN}"},
        "promote": {"on_new_version": True},
        "airflow": {
            "owner": LABEL,
            "tags": [LABEL, "+claim", "$HOME"],
            "pool": LABEL,
            "queue": LABEL,
            "on_failure": {"told.Told": ARGUMENTS | {"text": WRITTEN}},
            "on_promotion": {"told.Told": ARGUMENTS | {"text": WRITTEN}},
        },
    }
    spec = spec_of(
        home,
        {
            "version": 1,
            "pipelines": {name: entry | {"train": {"watch": f"+{name} {WRITTEN}"}} for name in NAMES},
        },
    )
    apply(plan(spec))
    return spec.pipelines


@pytest.fixture(scope="module")
def loaded(home, pipelines, tmp_path_factory):
    """What the real dag-factory makes of the generated files."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "told.py").write_text(TOLD)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DROPFORGE_HOME": str(home),
        "PYTHONPATH": str(modules),
        "HOME": "/nobody",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("FOUND "))


def test_the_hostile_text_is_in_the_spec_as_it_was_written(pipelines):
    assert [pipeline.name for pipeline in pipelines] == list(NAMES)
    assert all(pipeline.description == pipeline.data.target == HOSTILE for pipeline in pipelines)


def test_every_task_gets_the_settings_unchanged(pipelines, loaded, home):
    for pipeline in pipelines:
        for dag, tasks in (
            ("train", {"claim", "train", "finish", "compare"}),
            ("promote", {"find", "validate", "promote", "prove"}),
        ):
            found = loaded[f"{pipeline.name}_{dag}"]["tasks"]
            assert set(found) == tasks
            for kwargs in found.values():
                assert decode(kwargs["settings"]) == pipeline
                assert kwargs["home"] == str(home)


def test_the_watcher_gets_the_folder_unchanged(pipelines, loaded, home):
    for pipeline in pipelines:
        assert loaded[f"{pipeline.name}_train"]["watch"] == pipeline.train.watch
        assert loaded[f"{pipeline.name}_train"]["home"] == str(home)


def test_airflow_gets_owner_tags_pool_and_queue_unchanged(pipelines, loaded):
    for pipeline in pipelines:
        for dag in ("train", "promote"):
            found = loaded[f"{pipeline.name}_{dag}"]
            assert found["owner"] == LABEL
            assert {LABEL, "+claim", "$HOME", "dropforge", pipeline.name} <= set(found["tags"])
            assert {tuple(place) for place in found["places"]} == {(LABEL, LABEL)}


def test_notifiers_get_their_arguments_unchanged(pipelines, loaded):
    for pipeline in pipelines:
        assert pipeline.airflow.on_failure == {"told.Told": ARGUMENTS}
        assert loaded[f"{pipeline.name}_train"]["told"] == [ARGUMENTS] * 4
        assert loaded[f"{pipeline.name}_promote"]["told"] == [ARGUMENTS] * 5


def test_airflows_pages_show_the_text_unchanged(pipelines, loaded):
    for pipeline in pipelines:
        assert loaded[f"{pipeline.name}_train"]["description"] == f"Trains what is dropped into {pipeline.train.watch}"
        for dag in ("train", "promote"):
            assert HOSTILE.strip() in loaded[f"{pipeline.name}_{dag}"]["doc_md"]
