"""A typed config is a drop like any other: one file, whatever is retried or cleared, and the usual end."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings

from dropforge.airflow.form import drop_typed
from dropforge.folder import WatchFolder, is_config_name
from tests.dropforge.documents.values import texts
from tests.dropforge.folder.drops import waiting

YAML = "class: SVC\nparams: {C: 3}\n"


@pytest.fixture
def folder(tmp_path):
    return WatchFolder(tmp_path / "watch", tmp_path / "snapshots")


def run(text, name="manual__1"):
    """Return the context of a run, as far as the form goes."""
    then = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    return {"params": {"config": text}, "dag_run": SimpleNamespace(run_id=name, run_after=then)}


def files(folder):
    return sorted(str(p.relative_to(folder.path)) for p in folder.path.rglob("*.[jy]*") if ".claims" not in p.parts)


def claim(folder, context):
    """Do as the task ``claim``."""
    return folder.claim(context["dag_run"].run_id, lambda run: True, drop_typed(context, folder))


def test_what_is_typed_becomes_a_file_that_its_run_claims_at_once(folder):
    (taken,) = claim(folder, run(YAML))
    assert folder.content(taken) == YAML.encode()
    assert files(folder) == [taken.file]
    assert taken.file.startswith("form-20260304-050607-")
    assert taken.file.endswith(".yaml")
    # Nobody else is called for it, nor gets it.
    assert waiting(folder, lambda run: True) == []
    assert folder.claim("another", lambda run: True) == []


@pytest.mark.parametrize(
    ("text", "suffix"),
    [('{"class": "SVC"}', ".json"), ("{class: SVC}", ".yaml"), ("class: SVC", ".yaml"), ("}", ".yaml")],
)
def test_the_name_says_how_it_is_read(folder, text, suffix):
    (name,) = drop_typed(run(text), folder)
    assert name.endswith(suffix)


@pytest.mark.parametrize("text", [None, "", "  \n\t"])
def test_an_empty_form_drops_nothing(folder, text):
    assert drop_typed(run(text), folder) == []
    assert not folder.path.exists()


def test_a_run_without_a_form_drops_nothing(folder):
    assert drop_typed({"params": {}, "dag_run": None}, folder) == []


def test_a_task_that_is_tried_again_takes_its_own_drop_again(folder):
    first = claim(folder, run(YAML))
    again = claim(folder, run(YAML))
    assert [(taken.key, taken.drop) for taken in first] == [(taken.key, taken.drop) for taken in again]
    assert len(files(folder)) == 1


@pytest.mark.parametrize("error", [None, "it is wrong"])
def test_a_task_that_is_cleared_after_the_end_drops_nothing_twice(folder, error):
    (taken,) = claim(folder, run(YAML))
    place = folder.file_away(taken, "manual__1", error)
    assert claim(folder, run(YAML)) == []
    assert files(folder)[:1] == [str(place.relative_to(folder.path))]
    assert place.read_bytes() == YAML.encode()


def test_a_crash_between_the_file_and_the_claim_costs_nothing(folder):
    (name,) = drop_typed(run(YAML), folder)
    (taken,) = claim(folder, run(YAML))
    assert taken.file == name
    assert files(folder) == [name]


def test_two_runs_with_the_same_text_are_two_drops(folder):
    assert drop_typed(run(YAML), folder) != drop_typed(run(YAML, "manual__2"), folder)
    assert len(files(folder)) == 2


def test_half_a_character_is_dropped_as_a_question_mark(folder):
    (name,) = drop_typed(run("class: SVC # \ud83d"), folder)
    assert (folder.path / name).read_bytes() == b"class: SVC # ?"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts)
def test_any_text_and_any_run_can_be_dropped(folder, text):
    names = drop_typed(run(text, name=text), folder)
    assert len(names) == bool(text.strip())
    for name in names:
        assert is_config_name(name)
        assert (folder.path / name).read_bytes().decode() == text
