"""What cannot be dealt with holds up no other config: the tasks, with folders as they are."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from mlflow.exceptions import MlflowException

from dropforge.airflow import tasks
from dropforge.airflow.notify import OnPromotion
from dropforge.registry import Store
from dropforge.registry.history import History
from dropforge.settings import encode
from dropforge.training import Outcome
from tests.dropforge.disks import mounted
from tests.dropforge.folder.drops import aged, drop
from tests.dropforge.wine import STUMP, TREE, WINE, crown, promoting, version_of


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch):
    monkeypatch.setattr(tasks, "_store", lambda home: SimpleNamespace(sweep_lost_runs=lambda name: None))


def trained(batches):
    """Return what the tasks ``train`` return where all is well."""
    outcome = {"status": "trained", "version": "1", "metrics": {}, "error": "", "seconds": 0, "candidate": "a"}
    items = [item for batch in batches for item in json.loads(batch["items"])]
    return [json.dumps([{"drop": item["drop"], **outcome}]) for item in items]


def test_a_rejected_thing_that_cannot_be_moved_holds_up_no_other(left, tmp_path):
    watch = tmp_path / WINE.train.watch
    drop(watch, "good.yaml", TREE.decode())
    drop(watch, "wrong.yaml", "class: Nothing")
    with mounted(watch / "stuck.yaml", 1):
        aged(watch / "stuck.yaml")
        batches = tasks.claim(home=str(tmp_path), settings=encode(WINE))
        assert [batch["label"] for batch in batches] == ["good.yaml: DecisionTreeClassifier"]
        assert any("`stuck.yaml` is rejected: cannot be moved" in line for line in left["note"])
        tasks.finish(batches, trained(batches), home=str(tmp_path), settings=encode(WINE))
        assert any("`stuck.yaml` stays where it is" in line for line in left["note"])
    assert (watch / "done" / "good.yaml").exists()
    assert (watch / "rejected" / "wrong.yaml").exists()
    aged(watch / "stuck.yaml")
    tasks.claim(home=str(tmp_path), settings=encode(WINE))
    assert (watch / "rejected" / "stuck.yaml").is_dir()


def test_a_trained_config_that_cannot_be_moved_holds_up_no_other_and_is_tried_again(left, tmp_path, monkeypatch):
    watch = tmp_path / WINE.train.watch
    drop(watch, "a.yaml", TREE.decode(), age=20)
    drop(watch, "b.yaml", STUMP.decode(), age=10)
    batches = tasks.claim(home=str(tmp_path), settings=encode(WINE))
    real = type(watch).rename

    def refuse(self, target):
        if self.name == "a.yaml":
            raise PermissionError(1, "Operation not permitted", str(self))
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(watch), "rename", refuse)
        with pytest.raises(AirflowException, match="cannot be moved to done/: Operation not permitted"):
            tasks.finish(batches, trained(batches), home=str(tmp_path), settings=encode(WINE))
        assert (watch / "a.yaml").exists()
        assert (watch / "done" / "b.yaml").exists()
    tasks.finish(batches, trained(batches), home=str(tmp_path), settings=encode(WINE))
    assert (watch / "done" / "a.yaml").exists()


def test_a_config_that_was_interrupted_stays_and_is_told_once(left, tmp_path):
    watch = tmp_path / WINE.train.watch
    drop(watch, "a.yaml", TREE.decode())
    batches = tasks.claim(home=str(tmp_path), settings=encode(WINE))
    (item,) = (item for batch in batches for item in json.loads(batch["items"]))
    interrupted = json.dumps([{"drop": item["drop"], "status": "interrupted", "error": "MLflow is away"}])
    tasks.finish(batches, [interrupted], home=str(tmp_path), settings=encode(WINE))
    assert (watch / "a.yaml").exists()
    assert len(left["note"]) == 1
    assert "`a.yaml` stays where it is" in left["note"][0]


def test_where_mlflow_fails_what_was_trained_counts_and_the_others_stay(left, tmp_path, monkeypatch):
    watch = tmp_path / WINE.train.watch
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        drop(watch, name, TREE.decode())
    batches = tasks.claim(home=str(tmp_path), settings=encode(WINE))
    items = [item for batch in batches for item in json.loads(batch["items"])]
    done = Outcome("trained", "a tree", "sklearn.tree.DecisionTreeClassifier", "1")

    class Trainer:
        def __init__(self, *_):
            self.outcomes = iter([done])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def train(self, *_):
            for outcome in self.outcomes:
                return outcome
            raise MlflowException("no answer")

    monkeypatch.setattr("dropforge.training.Trainer", Trainer)
    batch = {"label": "three", "items": json.dumps(items), "threads": 1}
    with pytest.raises(MlflowException, match="no answer"):
        tasks.train(batch, home=str(tmp_path), settings=encode(WINE))
    outcomes = left["return_value"]
    assert [outcome["status"] for outcome in json.loads(outcomes)] == ["trained", "interrupted", "interrupted"]
    tasks.finish([batch], [outcomes], home=str(tmp_path), settings=encode(WINE))
    trained = items[0]["candidate"]["file"]
    assert (watch / "done" / trained).exists()
    assert {path.name for path in watch.glob("*.yaml")} == {"a.yaml", "b.yaml", "c.yaml"} - {trained}
    assert not list((watch / "rejected").glob("*"))


@pytest.mark.usefixtures("left")
def test_a_folder_of_ours_that_is_a_link_ends_the_task_with_a_message(tmp_path):
    watch = tmp_path / WINE.train.watch
    drop(watch, "a.yaml", TREE.decode())
    (watch / "done").symlink_to(tmp_path)
    with pytest.raises(AirflowException, match="this is a link where a folder must be"):
        tasks.claim(home=str(tmp_path), settings=encode(WINE))
    assert (watch / "a.yaml").exists()


@pytest.mark.usefixtures("left")
def test_the_leaderboard_fails_no_train_run(tmp_path, monkeypatch):
    def away(*_):
        raise MlflowException("no answer")

    monkeypatch.setattr(tasks, "_store", lambda home: SimpleNamespace(champion=away))
    for trained, why in (("[]", "there is no new version"), ('["1"]', "the next train run saves it anew: no answer")):
        with pytest.raises(AirflowSkipException, match=why):
            tasks.compare(trained, home=str(tmp_path), settings=encode(WINE))


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize("form", [{"action": "rollback"}, {"version": "3"}, {}], ids=["rollback", "by hand", "tick"])
def test_while_the_server_is_away_a_promotion_ends_with_a_message_and_is_tried_again(
    store, rows, tmp_path, away, monkeypatch, form
):
    crown(store, 2)
    monkeypatch.setattr(tasks, "_store", lambda home: store)
    monkeypatch.setenv("DROPFORGE_SERVER", away)
    tasks.get_current_context()["params"].update(form)
    with pytest.raises(AirflowException, match=f"the model server at {away} does not answer") as caught:
        tasks.promote(home=str(tmp_path), settings=encode(WINE))
    assert not isinstance(caught.value, AirflowFailException)
    assert store.champion("wine", WINE.promote).version == version_of(store, 2)


class Killed(BaseException):
    """The process dies here, and Airflow tries again."""


def dying(monkeypatch, owner, name, when):
    """Let a process die after a call that ``when`` recognizes, once."""
    done = getattr(owner, name)

    def dies(*args, **kwargs):
        result = done(*args, **kwargs)
        if when(*args, **kwargs):
            monkeypatch.setattr(owner, name, done)
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dies)


@pytest.fixture
def at_hand(store, monkeypatch):
    """The tasks work on the store, without a model server."""
    monkeypatch.setattr(tasks, "_store", lambda home: store)
    monkeypatch.setattr(tasks, "_hosting", lambda home, pipeline: None)


@pytest.mark.usefixtures("left", "at_hand")
def test_a_proposal_outlives_its_task_and_is_asked_for_again(store, tmp_path, monkeypatch):
    task = {"home": str(tmp_path), "settings": encode(promoting(approval="required"))}
    dying(monkeypatch, Store, "tag", lambda _, version, tags: tags.get("decision") == "proposed")
    with pytest.raises(Killed):
        tasks.propose(**task)
    assert version_of(store, 2).tags["decision"] == "proposed"
    retried = tasks.propose(**task)
    assert (retried["version"], retried["subject"]) == ("2", "Promote version 2 of wine?")
    assert "version 2 is the first champion" in retried["body"]
    assert tasks.propose(**task) == retried, "cleared, it asks for the same"
    monkeypatch.setattr(tasks, "is_active", lambda dag, run: True)
    tasks.get_current_context()["dag_run"].run_id = "another"
    with pytest.raises(AirflowSkipException, match="version 2 waits for approval, and is not beaten by version 3"):
        tasks.propose(**task)


@pytest.mark.usefixtures("at_hand")
def test_a_proposal_whose_task_failed_for_good_is_considered_anew(left, store, tmp_path, monkeypatch):
    task = {"home": str(tmp_path), "settings": encode(promoting(approval="required"))}
    dying(monkeypatch, Store, "tag", lambda _, version, tags: tags.get("decision") == "proposed")
    with pytest.raises(Killed):
        tasks.propose(**task)
    tasks.get_current_context()["ti"].xcom_pull = lambda **_: None
    tasks.conclude(**task)
    assert version_of(store, 2).tags["decision"] == "pending"
    assert left["note"] == ["version 2 is considered anew: its proposal came to no end"]
    with pytest.raises(AirflowSkipException, match="nothing was proposed"):
        tasks.conclude(**task)


@pytest.mark.usefixtures("left", "at_hand")
@pytest.mark.parametrize(("owner", "step"), [(Store, "set_alias"), (Store, "set_stage"), (History, "close")])
def test_a_promotion_that_is_finished_by_another_try_is_told(store, tmp_path, monkeypatch, owner, step):
    crown(store, 3)
    task = {"home": str(tmp_path), "settings": encode(WINE)}
    told = []
    monkeypatch.setattr(OnPromotion, "notify", lambda _, context: told.append(context["promotion"]))

    def succeed():
        ti = SimpleNamespace(task_id="promote", dag_id="wine_promote", xcom_pull=lambda task_ids: decision)
        decision = tasks.promote(**task)
        OnPromotion("{}")({"ti": ti})

    dying(monkeypatch, owner, step, lambda *_, **__: store.holder("wine", WINE.promote) == version_of(store, 2))
    with pytest.raises(Killed):
        tasks.promote(**task)
    succeed()
    ((pipeline, champion, previous, _),) = [one.values() for one in told]
    assert (pipeline, champion, previous) == ("wine", "2", "3")
    tasks.get_current_context()["dag_run"].run_id = "the next one"
    succeed()
    assert len(told) == 1
