"""The text of dags_generated: the same bytes everywhere, and user text stays text."""

import ast
import json
import os
from dataclasses import replace
from unittest import mock

import jinja2
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge.configs import read_candidates
from dropforge.documents import UserError
from dropforge.estimators import Allowed
from dropforge.settings import Airflow, Data, Host, Pipeline, Promote, Split, Train, decode
from generator.render import packaged, render
from tests.dropforge.documents.values import texts
from tests.generator.specs import WINE, spec_of, wine

VARIABLES = {"HOME": "/home/me", "DROPFORGE_HOME": "/project", "A": "a'b\"c"}
PLAIN = Pipeline(
    name="wine",
    description="Which wine",
    data=Data("sklearn.datasets.load_wine", "target", None, Split(0.2, 0.2, 42)),
    train=Train("configs/wine", ("sklearn.*",), (), 600.0, 4096.0),
    promote=Promote("*/5 * * * *", "UTC", False, "f1_macro", 0.8, 0.0, "Production", "production"),
    host=Host(True),
    digest="d",
)


def loaded(pipeline):
    """Return the YAML of a pipeline as dag-factory reads it: variables first, then YAML."""
    text = render(pipeline)[f"{pipeline.name}.yaml"]
    with mock.patch.dict(os.environ, VARIABLES):
        read = yaml.safe_load(os.path.expandvars(text))
        # The stack has dag-factory read in C.
        assert yaml.load(os.path.expandvars(text), yaml.CFullLoader) == read  # noqa: S506 - our own file
        return read


def task(dag, task_id):
    return next(task for task in dag["tasks"] if task["task_id"] == task_id)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        lambda description, source, target, key, watch, patterns: replace(
            PLAIN,
            description=description,
            data=replace(PLAIN.data, source=source, target=target, id=key),
            train=replace(PLAIN.train, watch=watch, estimators=tuple(patterns), deny=tuple(patterns)),
        ),
        *[texts] * 3,
        st.none() | texts,
        texts,
        st.lists(texts, max_size=2),
    )
)
def test_any_text_comes_out_as_it_was(pipeline):
    dags = loaded(pipeline)
    for dag, task_ids in (
        ("wine_train", ("claim", "finish", "compare")),
        ("wine_promote", ("find", "promote", "prove")),
    ):
        for task_id in task_ids:
            given_to_task = task(dags[dag], task_id)["settings"]
            assert jinja2.Template(given_to_task, keep_trailing_newline=True).render() == given_to_task
            assert decode(given_to_task) == pipeline
            assert task(dags[dag], task_id)["home"] == "/project"
    train = dags["wine_train"]
    assert train["schedule"]["watchers"][0]["trigger"]["watch"] == pipeline.train.watch
    assert train["description"] == f"Trains what is dropped into {pipeline.train.watch}"
    assert f"**wine** {pipeline.description}".strip() in train["doc_md"]
    assert f"**wine** {pipeline.description}".strip() in dags["wine_promote"]["doc_md"]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(texts, texts, texts, texts, st.dictionaries(texts, texts, max_size=2))
def test_airflows_settings_come_out_as_they_were(owner, tag, pool, queue, arguments):
    told = {"a.Notifier": {**arguments, "__type__": "os.system", "text": "{{ ti }} $HOME +claim"}}
    airflow = Airflow(owner, (tag,), 3, 90.0, pool, queue, told, told)
    dags = loaded(replace(PLAIN, airflow=airflow))
    for dag in dags.values():
        assert dag["tags"] == ["dropforge", "wine", tag]
        given_to_tasks = dag["default_args"]
        assert (given_to_tasks["owner"], given_to_tasks["pool"]) == (owner, pool)
        assert given_to_tasks.get("queue", "") == queue
        assert given_to_tasks["retries"] == 3
        assert given_to_tasks["retry_delay"]["seconds"] == given_to_tasks["max_retry_delay"]["seconds"] == 90
        assert notifiers(given_to_tasks["on_failure_callback"]) == told
    assert notifiers(task(dags["wine_promote"], "promote")["on_success_callback"]) == told


def notifiers(callback):
    """Return what a callback gets; Airflow and dag-factory find nothing of theirs in it."""
    text = callback["notifiers"]
    assert jinja2.Template(text, keep_trailing_newline=True).render() == text
    return json.loads(text)


def test_nobody_is_told_where_the_spec_names_nobody():
    assert "_callback" not in render(PLAIN)["wine.yaml"]
    assert "queue:" not in render(PLAIN)["wine.yaml"]


def test_every_task_explains_itself():
    for dag in loaded(PLAIN).values():
        assert "### What happens next\n\n" in dag["doc_md"]
        assert "### Where to look\n\n" in dag["doc_md"]
        for entry in dag["tasks"]:
            assert len(entry["doc_md"]) > 50
            # A title begins with the id, which scripts and docs use.
            if "map_index_template" not in entry:
                assert entry["task_display_name"].startswith(entry["task_id"])


def test_the_docs_say_what_is_watched_and_allowed():
    pipeline = replace(
        PLAIN,
        train=replace(PLAIN.train, watch="in`box", estimators=("sklearn.tree.*",), deny=("*.ExtraTree*",)),
        promote=replace(PLAIN.promote, min_improvement=0.01, on_new_version=True),
        host=Host(False),
    )
    dags = loaded(pipeline)
    train, promote = dags["wine_train"]["doc_md"], dags["wine_promote"]["doc_md"]
    assert "`` in`box ``" in train
    assert "classifiers of `sklearn.tree.*`, but not `*.ExtraTree*`" in train
    assert "class: sklearn.tree.DecisionTreeClassifier" in train
    assert "by at least 0.01. It must reach 0.8." in promote
    assert "It looks every 5 min, and as soon as there are new ones." in promote
    assert "does not serve this pipeline" in promote


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("@daily", "It looks daily (time zone UTC)."),
        ("5 4 * * 1", "It looks on the schedule `5 4 * * 1` (time zone UTC)."),
    ],
)
def test_a_time_of_day_has_its_time_zone(schedule, words):
    pipeline = replace(PLAIN, promote=replace(PLAIN.promote, schedule=schedule))
    assert words in loaded(pipeline)["wine_promote"]["doc_md"]


def test_the_form_takes_a_config_and_shows_one_that_is_allowed():
    form = loaded(PLAIN)["wine_train"]["params"]["config"]
    assert form["__type__"] == "airflow.sdk.Param"
    assert form["format"] == "multiline"
    assert form["default"] is None
    example = form["description_md"].partition("```yaml\n")[2].partition("```")[0]
    assert read_candidates(example.encode(), "example.yaml", Allowed())
    nothing = replace(PLAIN, train=replace(PLAIN.train, estimators=("elsewhere.*",)))
    assert "```" not in loaded(nothing)["wine_train"]["params"]["config"]["description_md"]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(texts)
def test_no_character_of_a_text_has_a_meaning_to_anybody(text):
    marked = f"<mark>{text}</mark>"
    rendered = render(replace(PLAIN, description=marked))["wine.yaml"]
    assert set(rendered) <= {*(chr(code) for code in range(ord(" "), ord("~") + 1)), "\n"}
    pieces = [piece.split("</mark>")[0] for piece in rendered.split("<mark>")[1:]]
    assert len(pieces) == 3  # two doc_md, and the settings
    for piece in pieces:
        assert not set("${}+%'\n") & set(piece)


def test_the_same_spec_gives_the_same_bytes_wherever_it_lies(tmp_path):
    texts = []
    for folder in ("one", "another/deeper"):
        (tmp_path / folder).mkdir(parents=True)
        (pipeline,) = spec_of(tmp_path / folder, WINE).pipelines
        texts.append(render(pipeline, tmp_path / folder))
    assert texts[0] == texts[1]
    assert list(texts[0]) == ["wine.yaml", "wine.py"]


def test_no_path_of_this_machine_is_in_the_files(tmp_path):
    (pipeline,) = spec_of(tmp_path, WINE).pipelines
    for text in render(pipeline, tmp_path).values():
        assert str(tmp_path) not in text
        assert os.path.expanduser("~") not in text  # noqa: PTH111 - as text
        assert "$DROPFORGE_HOME" in text or "__file__" in text


def test_the_loader_is_python_that_airflow_does_not_skip():
    loader = render(PLAIN)["wine.py"]
    ast.parse(loader)
    assert "airflow" in loader.lower()
    assert "dag" in loader.lower()


@pytest.mark.parametrize(
    "name", ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "e1", "nan", "inf", "wine_2"]
)
def test_a_pipeline_may_be_named_like_a_word_of_yaml(name):
    dags = loaded(replace(PLAIN, name=name))
    assert list(dags) == [f"{name}_train", f"{name}_promote"]
    train, promote = dags.values()
    assert train["tags"] == promote["tags"] == ["dropforge", name]
    assert train["schedule"]["name"] == f"{name}_configs"
    assert train["schedule"]["watchers"][0]["trigger"]["dag_id"] == f"{name}_train"
    assert decode(task(train, "claim")["settings"]).name == name


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("*/5 * * * *", "*/5 * * * *"),
        ("@hourly", "0 * * * *"),
        (" @daily ", "0 0 * * *"),
        ("0 6 * * MON", "0 6 * * MON"),
    ],
)
def test_cron_and_presets_become_a_cron_timetable_in_the_time_zone(schedule, cron):
    promote = replace(PLAIN.promote, schedule=schedule, timezone="Europe/Berlin")
    assert loaded(replace(PLAIN, promote=promote))["wine_promote"]["schedule"] == {
        "__type__": "airflow.sdk.CronTriggerTimetable",
        "__args__": [cron],
        "timezone": "Europe/Berlin",
    }


@pytest.mark.parametrize(("schedule", "seconds"), [("30s", 30), ("5m", 300), (" 2 h ", 7200), ("1d", 86400)])
def test_an_interval_becomes_a_delta_timetable(schedule, seconds):
    promote = replace(PLAIN.promote, schedule=schedule)
    assert loaded(replace(PLAIN, promote=promote))["wine_promote"]["schedule"] == {
        "__type__": "airflow.sdk.DeltaTriggerTimetable",
        "__args__": [{"__type__": "datetime.timedelta", "seconds": seconds}],
    }


def test_a_new_version_starts_the_promotion_only_where_the_spec_says_so():
    dags = loaded(replace(PLAIN, promote=replace(PLAIN.promote, on_new_version=True)))
    schedule = dags["wine_promote"]["schedule"]
    assert schedule["__type__"] == "airflow.sdk.AssetOrTimeSchedule"
    assert schedule["timetable"]["__args__"] == ["*/5 * * * *"]
    assert schedule["assets"] == task(dags["wine_train"], "finish")["outlets"]


def test_a_home_of_any_name_is_read_as_it_is():
    for home in ("/it's mine", '/a "b"', "/a: b #c", "/{a}", "/[a]", "/漢字 😀", "/a\\n", "/- a", "/$HOME", "/100%"):
        with mock.patch.dict(VARIABLES, {"DROPFORGE_HOME": home}):
            train = loaded(PLAIN)["wine_train"]
        assert task(train, "claim")["home"] == home
        assert task(train, "train")["partial"]["home"] == home
        assert train["schedule"]["watchers"][0]["trigger"]["home"] == home


def test_a_projects_own_template_wins(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "pipeline.yaml.j2").write_text(
        "mine: {tasks: [], description: {{ pipeline.description | quoted }}}\n"
    )
    files = render(replace(PLAIN, description='a "b"'), tmp_path)
    assert yaml.safe_load(files["wine.yaml"]) == {"mine": {"tasks": [], "description": 'a "b"'}}
    assert files["wine.py"] == render(PLAIN)["wine.py"]


def assert_refused(home, name, template, line, message):
    """A template of the project's own is a mistake, in that line."""
    path = home / "templates" / name
    path.parent.mkdir()
    path.write_text(template)
    with pytest.raises(UserError) as caught:
        render(PLAIN, home)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.file, problem.line) == (str(path), line)
    assert problem.remedy


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("a\n\n{{ pipeline.nmae }}", 3, "UndefinedError"),
        ("a\n{{ nothing }}", 2, "'nothing' is undefined"),
        ("a\n{% if %}", 2, "Expected an expression"),
        ("a\n\n{{ name | qoted }}", 3, "No filter named 'qoted'"),
        ("{% for %", 1, "unexpected '%'"),
        ("a\n{{ 1 + 'a' }}", 2, "TypeError"),
        ("\n\n{{ 1 // 0 }}", 3, "ZeroDivisionError"),
        ("{% include 'other.j2' %}", 1, "there is no template 'other.j2'"),
    ],
)
def test_a_mistake_in_a_template_names_its_line(tmp_path, template, line, message):
    assert_refused(tmp_path, "pipeline.yaml.j2", template, line, message)


TASK = "- {task_id: a, decorator: airflow.sdk.task}"


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("# a\n\nwine_train: {tasks: []\n", 3, "is no YAML: while parsing a flow mapping, did not find"),
        ("a:\n  b: [c\n  d: 1\n\n\n\n  tasks: []\n", 2, "is no YAML: while parsing a flow sequence"),
        ("a:\n  b: 'c\n  d: 1\n\n  tasks: []\n", 2, "is no YAML: while scanning a quoted scalar"),
        ("wine_train:\n  tasks: []\n  a: b: c\n", 3, "is no YAML: mapping values are not allowed"),
        ("", 1, "is no mapping"),
        ("- a\n", 1, "is no mapping"),
        ("a: {tasks: []}\nb: text\n", 2, "has no DAG at 'b'"),
        ("a: {tasks: []}\nb:\n  schedule: null\n", 3, "has a DAG 'b' without tasks"),
        ("a:\n  schedule_interval: 5\n  tasks: []\n", 2, "which dag-factory refuses"),
        ("a:\n  tasks: none\n", 2, "that are no list"),
        (f"a:\n  tasks:\n  {TASK}\n  - decorator: b\n", 4, "without a task_id"),
        (f"a:\n  tasks:\n  {TASK}\n  - task_id: b\n", 4, "neither operator nor decorator"),
        (f"a:\n  tasks:\n  {TASK}\n  {TASK}\n", 4, "two tasks 'a'"),
        (f"a:\n  tasks:\n  {TASK[:-1]},\n     dependencies: [z]}}\n", 4, "depends on 'z', which is no task"),
        ("{% macro task(id) %}\n\n  - task_id: {{ id }}\n{% endmacro %}\na:\n  tasks:\n{{ task('a') }}\n", 3,
         "neither"),
        ("{% for n in (1, 2) %}\n{% if n == 2 %}\nb: 1\n{% else %}\na: {tasks: []}\n{% endif %}\n{% endfor %}", 3,
         "has no DAG"),
    ],
)  # fmt: skip
def test_what_a_template_renders_wrong_is_a_mistake_in_a_line_of_the_template(tmp_path, template, line, message):
    assert_refused(tmp_path, "pipeline.yaml.j2", template, line, message)


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [("# airflow dag\nx = (\n", 2, "is no Python"), ("# dag\n", 1, "lacks the word 'airflow'")],
)
def test_a_loader_that_airflow_would_not_read_is_a_mistake(tmp_path, template, line, message):
    assert_refused(tmp_path, "pipeline.py.j2", template, line, message)


def _lines_named(folder):
    try:
        render(PLAIN, folder)
    except UserError as error:
        return [problem.line for problem in error.problems]
    return []  # it stands in a comment or in a text of several lines


@pytest.mark.slow
def test_lines_of_the_packaged_template_are_found_again(tmp_path):
    (tmp_path / "templates").mkdir()
    lines = (packaged() / "pipeline.yaml.j2").read_text(encoding="utf-8").splitlines()
    found = 0
    for number, line in list(enumerate(lines))[::5]:
        if not line or line.lstrip().startswith("{%"):
            continue
        broken = [*lines[:number], f"{line} : : ]", *lines[number + 1 :]]
        (tmp_path / "templates" / "pipeline.yaml.j2").write_text("\n".join(broken), encoding="utf-8")
        lines_named = _lines_named(tmp_path)
        assert set(lines_named) <= {number + 1}, line
        found += len(lines_named)
    assert found > 10


def test_the_settings_stand_once_in_the_file():
    text = render(PLAIN)["wine.yaml"]
    assert text.count(json.dumps("Which wine")) == 1
    assert text.startswith("# Settings d\n")


def test_a_spec_with_every_hostile_text_is_rendered(tmp_path):
    hostile = wine(description="{{ 1 }}{% raw %}$HOME '+\" : # \n\u2028😀", train={"watch": "+a/$HOME/{{ 1 }}"})
    (pipeline,) = spec_of(tmp_path, hostile).pipelines
    assert decode(task(loaded(pipeline)["wine_train"], "claim")["settings"]) == pipeline
