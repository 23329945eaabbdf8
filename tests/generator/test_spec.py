"""The spec: read, merged with its defaults and checked, every mistake at once."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dropforge.documents import UserError, parse
from dropforge.folder.claims import CLAIMS, DONE, REJECTED
from dropforge.settings import Bounds, Slices, decode, encode
from generator.checks import Validator
from generator.schema import COMMON_METRICS, PIPELINE, SPEC
from generator.spec import Spec, read_spec
from tests.dropforge.documents.values import scalars, values
from tests.generator.specs import WINE, mistakes, spec_of, wine


def test_what_is_left_out_has_a_default(tmp_path):
    (pipeline,) = spec_of(tmp_path, WINE).pipelines
    assert (pipeline.name, pipeline.description) == ("wine", "")
    assert (pipeline.data.id, pipeline.data.split.test, pipeline.data.split.seed) == (None, 0.2, 42)
    assert (pipeline.train.watch, pipeline.train.estimators, pipeline.train.deny) == (
        "configs/wine",
        ("sklearn.*",),
        (),
    )
    assert (pipeline.promote.schedule, pipeline.promote.minimum, pipeline.promote.on_new_version) == (
        "*/5 * * * *",
        None,
        False,
    )
    assert pipeline.host.enabled


@pytest.mark.parametrize("schema", [SPEC, PIPELINE])
def test_the_schema_is_one(schema):
    Validator(schema)  # looks through it, and raises what is wrong


def test_the_projects_own_spec_is_right():
    root = Path(__file__).parents[2]
    spec = read_spec(root)
    assert spec.home == root
    assert [pipeline.name for pipeline in spec.pipelines][:1] == ["wine"]


def test_a_pipeline_is_asked_for_by_name(tmp_path):
    spec = spec_of(tmp_path, WINE)
    assert spec.pipeline("wine") is spec.pipelines[0]
    with pytest.raises(UserError, match=r"there is no pipeline 'vine'\n    Did you mean 'wine'\?"):
        spec.pipeline("vine")


def test_defaults_are_merged_beneath_every_pipeline_and_lists_are_replaced(tmp_path):
    spec = spec_of(
        tmp_path,
        """
        version: 1
        defaults:
          data: {source: a.csv, split: {test: 0.1, seed: 7}}
          train: {estimators: ["sklearn.tree.*"], deny: ["*SVC"]}
          promote: {metric: accuracy, minimum: 0.5}
        pipelines:
          one:
            data: {target: x}
          two:
            data: {target: y, source: b.csv, split: {seed: 8}}
            train: {estimators: ["sklearn.svm.*"]}
            promote: {minimum: null}
        """,
    )
    one, two = spec.pipelines
    assert (one.data.source, one.data.split.test, one.data.split.seed) == ("a.csv", 0.1, 7)
    assert (two.data.source, two.data.split.test, two.data.split.seed) == ("b.csv", 0.1, 8)
    assert (one.train.estimators, one.train.deny) == (("sklearn.tree.*",), ("*SVC",))
    assert (two.train.estimators, two.train.deny) == (("sklearn.svm.*",), ("*SVC",))
    assert (one.promote.minimum, two.promote.minimum, two.promote.metric) == (0.5, None, "accuracy")


def test_a_key_without_a_value_has_its_default(tmp_path):
    text = f"{WINE}    train:\n    promote:\n      schedule:\n      metric:\ndefaults:\n"
    assert spec_of(tmp_path, text).pipelines == spec_of(tmp_path, WINE).pipelines


def test_numbers_have_the_declared_type(tmp_path):
    (pipeline,) = spec_of(tmp_path, wine(promote={"minimum": 1}, train={"timeout_seconds": 5})).pipelines
    assert isinstance(pipeline.promote.minimum, float)
    assert isinstance(pipeline.train.timeout_seconds, float)


def test_the_digest_names_the_state_of_the_settings(tmp_path):
    def digest(text):
        return spec_of(tmp_path, text).pipelines[0].digest

    assert digest(WINE) == digest(f"# a comment\n{WINE}    host: {{enabled: true}}\n")
    assert digest(WINE) != digest(f"{WINE}    host: {{enabled: false}}\n")


def test_mistakes_in_the_frame_of_the_spec_are_found_first(tmp_path):
    assert mistakes(tmp_path, "version: 1\npipelines:\n  Beer: {}\n  ale: 5\ndefault: {}\n") == [
        (3, "pipelines.Beer", "'Beer' cannot name a pipeline"),
        (4, "pipelines.ale", "5 is not a mapping"),
        (5, "default", "the key 'default' is unknown"),
    ]


def test_every_mistake_is_found_at_once_each_on_its_line(tmp_path):
    assert mistakes(
        tmp_path,
        """version: 1
pipelines:
  wine:
    descripton: Wines
    data:
      source: sklearn.datasets.fetch_openml
      split: {test: 1.5, holdout: 0.2}
    train:
      timeout_seconds: -1
      estimators: [sklearn.*, "not a path"]
    promote:
      schedule: sometimes
      timezone: Mars/Olympus
      metric: f1_marco
      min_improvement: -0.1
      stage: Prod
      alias: latest
    host: {enabled: maybe}
  beer:
    data: {source: a.csv, target: [x]}
""",
    ) == [
        (4, "pipelines.wine.descripton", "the key 'descripton' is unknown"),
        (5, "pipelines.wine.data.target", "the key 'target' is missing"),
        (6, "pipelines.wine.data.source", "'sklearn.datasets.fetch_openml' is no data set of scikit-learn"),
        (7, "pipelines.wine.data.split.test", "1.5 is no share of the rows"),
        (9, "pipelines.wine.train.timeout_seconds", "this is not above 0, or not finite"),
        (10, "pipelines.wine.train.estimators[1]", "'not a path' is no pattern of class paths"),
        (12, "pipelines.wine.promote.schedule", "'sometimes' is no schedule"),
        (13, "pipelines.wine.promote.timezone", "'Mars/Olympus' is no time zone"),
        (14, "pipelines.wine.promote.metric", "scikit-learn has no scorer 'f1_marco'"),
        (15, "pipelines.wine.promote.min_improvement", "-0.1 is below 0.0"),
        (16, "pipelines.wine.promote.stage", "'Prod' is not allowed"),
        (17, "pipelines.wine.promote.alias", "'latest' cannot be an alias in MLflow"),
        (18, "pipelines.wine.host.enabled", "'maybe' is not true or false"),
        (20, "pipelines.beer.data.target", "['x'] is not text"),
    ]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("descripton", "Did you mean 'description'?"),
        ("zzz", "Known here: description, data, train, promote, host, airflow."),
    ],
)
def test_an_unknown_key_says_what_may_have_been_meant(tmp_path, key, hint):
    with pytest.raises(UserError) as caught:
        spec_of(tmp_path, wine(**{key: 1}))
    assert caught.value.problems[0].remedy == hint


def test_a_mistake_in_the_defaults_is_found_once_on_its_line(tmp_path):
    assert mistakes(
        tmp_path,
        """version: 1
defaults:
  promote:
    metric: acuracy
    metrik: accuracy
pipelines:
  one: {data: {source: a.csv, target: x}}
  two: {data: {source: a.csv, target: x}}
  three: {data: {source: a.csv, target: x}, promote: {metric: wrong}}
""",
    ) == [
        (4, "defaults.promote.metric", "scikit-learn has no scorer 'acuracy'"),
        (5, "defaults.promote.metrik", "the key 'metrik' is unknown"),
        (9, "pipelines.three.promote.metric", "scikit-learn has no scorer 'wrong'"),
    ]


@pytest.mark.parametrize(
    ("version", "age", "remedy"),
    [(2, "newer", "Upgrade dropforge."), (0, "older", "Write version: 1 and correct what is then named.")],
)
def test_a_version_of_another_time_says_what_to_do_and_nothing_else(tmp_path, version, age, remedy):
    with pytest.raises(UserError) as caught:
        spec_of(tmp_path, WINE.replace("1", str(version)) + "    unknown_in_version_1: true\n")
    (problem,) = caught.value.problems
    assert problem.message == f"this spec has version {version}, which is {age} than this Dropforge reads (1)"
    assert (problem.line, problem.remedy) == (1, remedy)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("just text", (1, "", "a spec is a mapping")),
        ("[]", (1, "", "a spec is a mapping")),
        ("version: 1", (1, "pipelines", "the key 'pipelines' is missing")),
        (WINE.replace("version: 1", ""), (2, "version", "the key 'version' is missing")),
        (WINE.replace("1", "one"), (1, "version", "'one' is not a whole number")),
        (WINE.replace("1", "true"), (1, "version", "True is not a whole number")),
        ("version: 1\npipelines: {}", (2, "pipelines", "'pipelines' is empty")),
        ("version: 1\npipelines: [a]", (2, "pipelines", "['a'] is not a mapping")),
        ("version: 1\npipelines: {a: {}}", (2, "pipelines.a.data.source", "the key 'source' is missing")),
        ("version: 1\npipelines:\n  a:\n", (3, "pipelines.a", "'a' has no value")),
        (f"{WINE}pipeline: {{}}", (5, "pipeline", "the key 'pipeline' is unknown")),
        ("version: 1\npipelines: {a: [", (2, "", "this is not YAML: expected the node content, but found "
                                                 "'<stream end>'")),
    ],
)  # fmt: skip
def test_a_spec_of_the_wrong_shape_is_explained(tmp_path, content, expected):
    assert expected in mistakes(tmp_path, content)


@pytest.mark.parametrize(("version", "age"), [(2, "newer"), (0, "older")])
def test_the_version_of_another_dropforge_is_the_only_mistake_named(tmp_path, version, age):
    ((_, path, message),) = mistakes(tmp_path, f"version: {version}\nwhatever: 1")
    assert path == "version"
    assert f"this spec has version {version}, which is {age} than this Dropforge reads (1)" in message


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [
        ("w", True),
        ("wine_2", True),
        ("a" * 60, True),
        ("null", True),
        ("yes", True),
        ("a" * 61, False),
        ("Wine", False),
        ("2wine", False),
        ("_wine", False),
        ("wine-2", False),
        ("wine 2", False),
        ("wïne", False),
        ("../wine", False),
        ("", False),
        ("defaults", False),  # dag-factory merges a file of this name beneath all others
    ],
)
def test_a_pipelines_name_fits_wherever_it_goes(tmp_path, name, is_fine):
    content = {"version": 1, "pipelines": {name: wine()["pipelines"]["wine"]}}
    if is_fine:
        assert spec_of(tmp_path, content).pipelines[0].name == name
    else:
        assert "cannot name a pipeline" in mistakes(tmp_path, content)[0][2]


@pytest.mark.parametrize(
    "schedule",
    ["*/5 * * * *", "0 6 * * 1-5", "0 0 29 2 *", "0 0 * MAR,JUN FRI", "@hourly", "@yearly", " @daily ", "30s", "5m",
     "1h", "366d", "5 m"],
)  # fmt: skip
def test_a_schedule_is_cron_a_preset_or_an_interval(tmp_path, schedule):
    assert spec_of(tmp_path, wine(promote={"schedule": schedule})).pipelines[0].promote.schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    ["", "sometimes", "60 * * * *", "* * * *", "* * * * * *", "0s", "-5m", "5", "5 weeks", "1.5h", "367d",
     "9999999999d", "1" * 5000 + "s", "@reboot", "@Hourly", "0 0 31 2 *", "R R * * *", "H H * * *", "{{ 1 }} * * * *"],
)  # fmt: skip
def test_a_schedule_that_airflow_could_not_keep_is_refused(tmp_path, schedule):
    ((_, path, message),) = mistakes(tmp_path, wine(promote={"schedule": schedule}))
    assert (path, message) == ("pipelines.wine.promote.schedule", f"'{schedule}' is no schedule")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("promote", "minimum", float("nan")),
        ("promote", "min_improvement", float("inf")),
        ("promote", "minimum", 10**400),
        ("train", "timeout_seconds", float("inf")),
        ("train", "timeout_seconds", 10**400),
        ("train", "memory_mb", 0),
        ("train", "memory_mb", "4 GB"),
        ("promote", "minimum", True),
        ("promote", "alias", "v1"),
        ("promote", "alias", "{{ 1 }}"),
        ("train", "watch", "a\0b"),
        ("train", "watch", ""),
        ("train", "estimators", []),
        ("train", "watch", None),
        ("train", "estimators", [None]),
        ("data", "source", None),
        ("promote", "timezone", "../../etc/passwd"),
        ("promote", "timezone", ""),
    ],
)
def test_a_value_that_would_fail_later_is_refused_now(tmp_path, section, key, value):
    given = {"source": "a.csv", "target": "x"} if section == "data" else {}
    ((_, path, _),) = mistakes(tmp_path, wine(**{section: given | {key: value}}))
    assert path.startswith(f"pipelines.wine.{section}.{key}")


def test_the_metrics_that_are_known_without_scikit_learn_are_its_own():
    from sklearn.metrics import get_scorer_names

    assert set(get_scorer_names()) >= COMMON_METRICS


def test_some_rows_are_left_to_train_on(tmp_path):
    data = {"source": "a.csv", "target": "x", "split": {"test": 0.5, "holdout": 0.5}}
    ((_, path, message),) = mistakes(tmp_path, wine(data=data))
    assert (path, message) == ("pipelines.wine.data.split", "test and holdout leave no rows to train on")


@pytest.mark.parametrize("other", ["configs/a", "./configs/a/", "configs/b/../a"])
def test_each_pipeline_has_a_watch_folder_of_its_own(tmp_path, other):
    content = f"""version: 1
pipelines:
  a: {{data: {{source: a.csv, target: x}}}}
  b:
    data: {{source: a.csv, target: x}}
    train: {{watch: {other}}}
"""
    ((line, path, message),) = mistakes(tmp_path, content)
    assert (line, path, message) == (6, "pipelines.b.train.watch", f"'{other}' is the watch folder of 'a' already")


@pytest.mark.parametrize(
    "watch",
    [".", "./", "configs/..", "..", "/", "dags_generated", "templates/x", "schemas", "pipelines.d", ".dropforge",
     ".dropforge/claims", "link"],
)  # fmt: skip
def test_a_watch_folder_of_the_projects_own_files_is_refused(tmp_path, watch):
    (tmp_path / "link").symlink_to(tmp_path / "dags_generated")
    content = f"{WINE}    train:\n      watch: {watch}\n"
    ((line, path, message),) = mistakes(tmp_path, content)
    assert (line, path) == (6, "pipelines.wine.train.watch")
    assert message.startswith(f"'{watch}' cannot be watched: ")


@pytest.mark.parametrize("watch", ["dags_generated_too", "configs", "templates.d", "configs/dags_generated", "../drop"])
def test_a_watch_folder_beside_the_projects_own_files_is_fine(tmp_path, watch):
    assert spec_of(tmp_path, wine(train={"watch": watch})).pipelines[0].train.watch == watch


@pytest.mark.parametrize("place", [DONE, REJECTED, CLAIMS, f"{DONE}/x"])
@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")], ids=["before", "after"])
def test_a_watch_folder_in_which_another_pipeline_files_its_configs_is_refused(tmp_path, place, names):
    data = {"source": "a.csv", "target": "x"}
    folders = {"a": "configs/a", "b": f"configs/a/{place}"}
    pipelines = {name: {"data": data, "train": {"watch": folders[name]}} for name in names}
    ((_, path, message),) = mistakes(tmp_path, {"version": 1, "pipelines": pipelines})
    assert path == "pipelines.b.train.watch"
    assert message == f"'configs/a/{place}' cannot be watched: the configs of 'a' are filed there"


def test_a_watch_folder_in_the_defaults_is_refused_once_on_its_line(tmp_path):
    content = f"{WINE}  beer:\n    data: {{source: a.csv, target: x}}\ndefaults:\n  train:\n    watch: .\n"
    assert [mistake[:2] for mistake in mistakes(tmp_path, content)] == [(9, "defaults.train.watch")]


def test_a_spec_that_is_not_there_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        read_spec(tmp_path)


FULL = {
    "description": "Which wine",
    "data": {"source": "a.csv", "target": "x", "id": None, "split": {"test": 0.2, "holdout": 0.2, "seed": 1}},
    "train": {"watch": "w", "estimators": ["sklearn.*"], "deny": [], "timeout_seconds": 5, "memory_mb": 64},
    "promote": {
        "schedule": "5m",
        "timezone": "UTC",
        "on_new_version": True,
        "metric": "accuracy",
        "minimum": 0.5,
        "min_improvement": 0,
        "stage": "Production",
        "alias": "production",
    },
    "host": {"enabled": True},
}
SPEC = {"version": 1, "defaults": {}, "pipelines": {"wine": FULL}}
PLACES = sorted(parse(json.dumps(SPEC), "a.json").marks, key=str)


def put(value, path, new):
    if not path:
        return new
    key, *rest = path
    if isinstance(value, list):
        return [put(item, rest, new) if index == key else item for index, item in enumerate(value)]
    return value | {key: put(value[key], rest, new)}


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(st.sampled_from(PLACES), values | scalars, st.booleans())
@example(("pipelines", "wine", "promote", "min_improvement"), -1, False)
@example(("pipelines",), [], False)
@example(("pipelines",), {"": None}, False)
def test_any_values_give_a_spec_that_can_be_carried_or_a_user_error(tmp_path_factory, path, value, as_default):
    content = put(SPEC, path, value)
    if as_default and path[:2] == ("pipelines", "wine"):
        content = {"version": 1, "defaults": content["pipelines"]["wine"], "pipelines": {"wine": {}}}
    with contextlib.suppress(UserError):
        spec = spec_of(tmp_path_factory.getbasetemp(), content)
        assert isinstance(spec, Spec)
        assert [decode(encode(pipeline)) for pipeline in spec.pipelines] == list(spec.pipelines)


@pytest.mark.parametrize(
    ("promote", "path", "message"),
    [
        ({"guards": {"log_los": {"max": 1}}}, "guards.log_los", "'log_los' is no guard"),
        ({"guards": {"log_loss": {"maximum": 1}}}, "guards.log_loss.maximum", "the key 'maximum' is unknown"),
        ({"guards": {"log_loss": {"max": "low"}}}, "guards.log_loss.max", "'low' is not a number"),
        ({"guards": {"log_loss": {"max": None}}}, "guards.log_loss", "a guard has `min`, `max` or both"),
        ({"guards": {"log_loss": {"min": 2, "max": 1}}}, "guards.log_loss", "min is above max"),
        ({"guards": {"log_loss": 1}}, "guards.log_loss", "1 is not a mapping"),
        ({"slices": {"minimum": 0.5}}, "slices.by", "the key 'by' is missing"),
        ({"slices": {"by": "region"}}, "slices.minimum", "the key 'minimum' is missing"),
        ({"confidence": 95}, "confidence", "95 is no confidence"),
        ({"confidence": 0.05}, "confidence", "0.05 is no confidence"),
        ({"approval": "always"}, "approval", "'always' is not allowed"),
        ({"approval_timeout": "@daily"}, "approval_timeout", "'@daily' is no interval"),
    ],
)
def test_a_mistake_in_the_gates_is_told_where_it_stands(tmp_path, promote, path, message):
    (found,) = mistakes(tmp_path, wine(promote=promote))
    assert found[1] == f"pipelines.wine.promote.{path}"
    assert message in found[2]


def test_gates_are_read_with_their_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("LOSS", "0.4")
    guards = {"log_loss": {"max": "${LOSS}"}, "neg_brier_score": {"min": -1}}
    settings = wine(promote={"guards": guards, "slices": {"by": "region", "minimum": 1}, "confidence": 0.9})
    promote = spec_of(tmp_path, settings).pipeline("wine").promote
    assert promote.guards == {"log_loss": Bounds(max=0.4), "neg_brier_score": Bounds(min=-1.0)}
    assert promote.slices == Slices("region", 1.0)
    assert (promote.confidence, promote.approval, promote.approval_timeout) == (0.9, "none", "7d")
