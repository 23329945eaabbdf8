"""What the form of the promote DAG asks for, and who it was."""

from types import SimpleNamespace

import pytest

from dropforge.airflow.asked import asked


def run(kind="manual", user="ada", name="manual__1", **params):
    return {"params": params, "dag_run": SimpleNamespace(run_id=name, run_type=kind, triggering_user_name=user)}


def test_an_empty_form_is_a_tick():
    wanted = asked(run(action="promote", version=None, why=None, dry_run=False))
    assert (wanted.action, wanted.version, wanted.why, wanted.dry_run) == ("promote", None, "", False)
    assert not wanted.by_hand


@pytest.mark.parametrize("params", [{"version": " 7 "}, {"action": "rollback"}, {"action": "rollback", "version": "7"}])
def test_a_version_or_a_rollback_is_by_hand(params):
    wanted = asked(run(**params, why=" two\nlines "))
    assert wanted.by_hand
    assert wanted.why == "two lines"
    assert wanted.version in (None, "7")


def test_the_key_is_the_run_s():
    assert asked(run(name="a'b")).key == asked(run(name="a'b")).key != asked(run(name="c")).key
    assert asked(run(name="a'b")).key.isalnum()


@pytest.mark.parametrize(
    ("kind", "user", "by"),
    [
        ("manual", "ada", "ada in Airflow"),
        ("manual", None, "somebody in Airflow"),
        ("scheduled", None, "the timer"),
        ("asset_triggered", None, "Airflow, as there were new versions"),
    ],
)
def test_who_asks(kind, user, by):
    assert asked(run(kind, user)).by == by
