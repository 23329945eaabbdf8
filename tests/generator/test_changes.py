"""What a plan changes, in words."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.changes import changes, schedule_in_words, summary
from generator.plan import apply, plan
from tests.generator.specs import WINE, spec_of, wine

BEER = "  beer:\n    data: {source: sklearn.datasets.load_iris, target: target}\n"


def told(tmp_path, *contents):
    """Return what the last spec changes, after those before were generated."""
    for content in contents[:-1]:
        apply(plan(spec_of(tmp_path, content)))
    return changes(plan(spec_of(tmp_path, contents[-1])))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"promote": {"schedule": "5m"}}, {"promote": {"schedule": "@hourly"}}, "promotion every 5 min -> hourly"),
        ({}, {"promote": {"schedule": "0 6 * * MON"}}, "promotion every 5 min -> '0 6 * * MON'"),
        ({}, {"promote": {"minimum": 0.9}}, "promote.minimum none -> 0.9"),
        ({}, {"promote": {"on_new_version": True}}, "promote.on_new_version false -> true"),
        ({}, {"train": {"deny": ["*SVC"]}}, 'train.deny [] -> ["*SVC"]'),
        ({"description": "Red"}, {"description": "a\nb"}, "description Red -> 'a\\nb'"),
        ({"description": "Red"}, {}, "description Red -> ''"),
        ({}, {"description": "x" * 100}, "description '' -> " + "x" * 57 + "..."),
        (
            {},
            {"train": {"timeout_seconds": 5}, "host": {"enabled": False}},
            "train.timeout_seconds 600.0 -> 5.0; host.enabled true -> false",
        ),
    ],
)
def test_a_changed_setting_is_told_with_its_old_value_and_its_new_one(tmp_path, before, after, words):
    (change,) = told(tmp_path, wine(**before), wine(**after))
    assert (str(change), change.action) == (f"wine: {words}", "change")
    assert change.dags == {"change": 2, "add": 0, "remove": 0}


def test_dags_are_counted(tmp_path):
    found = told(tmp_path, WINE, f"{WINE}    description: Wines\n{BEER}")
    assert [change.pipeline for change in found] == ["beer", "wine"]
    assert summary(found) == "2 DAGs change, 2 are added"
    assert summary(told(tmp_path, WINE + BEER, WINE)) == "2 DAGs are removed"
    assert summary(told(tmp_path, WINE, WINE)) == ""


def test_one_dag_is_one(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "pipeline.yaml.j2").write_text("{{ pipeline.name }}_train: {tasks: []}\n")
    assert summary(told(tmp_path, WINE)) == "1 DAG is added"


def test_a_template_that_changed_is_not_a_setting(tmp_path):
    apply(plan(spec_of(tmp_path, WINE)))
    (tmp_path / "templates").mkdir()
    packaged = (tmp_path / "dags_generated" / "wine.yaml").read_text().split("\n", 2)[2]
    escaped = "{% raw %}" + packaged.replace("retries: 8", "retries: 3", 1) + "{% endraw %}"
    (tmp_path / "templates" / "pipeline.yaml.j2").write_text(escaped)
    (change,) = told(tmp_path, WINE)
    assert change.words == ("other text for the same settings",)
    assert summary([change]) == "1 DAG changes"


def test_settings_of_another_dropforge_are_told_all_the_same(tmp_path):
    apply(plan(spec_of(tmp_path, WINE)))
    path = tmp_path / "dags_generated" / "wine.yaml"
    path.write_text(path.read_text().replace('"timezone": "UTC", ', '"colour": "red", '))
    (change,) = told(tmp_path, WINE)
    assert change.words == (
        "wine.yaml was edited by hand", "promote.colour red -> none", "promote.timezone none -> UTC",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "[1]", "a: [", "a: {tasks: 5}", "!!python/name:os.getcwd", "a: {tasks: [{}]}"])
def test_an_old_file_that_cannot_be_read_is_no_obstacle(tmp_path, text):
    apply(plan(spec_of(tmp_path, WINE)))
    (tmp_path / "dags_generated" / "wine.yaml").write_text(text)
    (change,) = told(tmp_path, WINE)
    assert change.words[0] == "wine.yaml was edited by hand"


def test_a_lost_loader_is_not_a_change_of_settings(tmp_path):
    apply(plan(spec_of(tmp_path, WINE)))
    (tmp_path / "dags_generated" / "wine.py").unlink()
    (change,) = told(tmp_path, WINE)
    assert change.words == ("its loader alone: the settings stay",)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("30s", "every 30 s"),
        ("90m", "every 90 min"),
        ("120m", "every 2 h"),
        ("2d", "every 2 d"),
        ("*/15 * * * *", "every 15 min"),
        ("0  0 * * *", "daily"),
        ("@weekly", "weekly"),
        ("5 4 * * *", "'5 4 * * *'"),
    ],
)
def test_a_schedule_is_spoken(schedule, words):
    assert schedule_in_words(schedule) == words


@settings(max_examples=100, deadline=None)
@given(st.text())
@example("@\x08")
def test_any_text_is_told_on_one_line(text):
    assert schedule_in_words(text).isprintable()
