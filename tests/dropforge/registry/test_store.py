"""Versions, tags and the champion, in a real MLflow store."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking.request_header.databricks_request_header_provider import DatabricksRequestHeaderProvider

from dropforge.data import Rows
from dropforge.project import Project
from dropforge.registry import Champion, Store
from tests.dropforge.wine import WINE, crown, train_config, version_of

PROMOTE = WINE.promote
NAMES = Path(__file__).parents[3] / "docs" / "reference" / "names.md"


def numbers(store: Store, **tags: str) -> list[int]:
    return sorted(version.number for version in store.search("wine", tags))


@pytest.mark.parametrize(
    "value", ["it's", '5" wide', "both ' and \"", "back\\slash\\", "\\'", "a;b=`c`", "", "zwölf\n"]
)
def test_search_finds_any_value_of_a_tag(store: Store, value: str) -> None:
    store.tag(version_of(store, 1), {"note": value})
    store.tag(version_of(store, 2), {"note": f"{value}?"})
    assert numbers(store, note=value) == [1]


def test_search_finds_the_versions_that_carry_all_tags(store: Store) -> None:
    for number in (1, 2):
        store.tag(version_of(store, number), {"colour": "red"})
    store.tag(version_of(store, 2), {"size": "5\" by '4'"})
    assert numbers(store, colour="red") == [1, 2]
    assert numbers(store, colour="red", size="5\" by '4'") == [2]
    assert numbers(store, colour="blue") == []
    assert numbers(store) == [1, 2, 3]


def test_tags_of_a_new_version_and_of_its_run_are_those_of_the_reference(store: Store) -> None:
    first = NAMES.read_text(encoding="utf-8").partition("| tag | meaning |")[2].partition("| | |")[0]
    named = re.findall(r"^\| `(\w+)` \|", first, re.M)
    version = version_of(store, 1)
    assert set(named) == version.tags.keys()
    run = store.client.get_run(version.run_id or "")
    assert set(named) & run.data.tags.keys() == set(named[:4])


def test_find_returns_the_oldest(store: Store) -> None:
    found = store.find("wine", {"validation_status": "pending"})
    assert found == version_of(store, 1)
    assert store.find("wine", {"validation_status": "passed"}) is None


def test_search_of_a_pipeline_that_trained_nothing_is_empty(store: Store) -> None:
    assert store.search("digits", {"validation_status": "pending"}) == []
    assert store.champion("digits", PROMOTE) == Champion(None, None)
    assert store.holder("digits", PROMOTE) is None
    assert store.version("digits", "1") is None


def test_nobody_is_champion_at_first(store: Store) -> None:
    champion = store.champion("wine", PROMOTE)
    assert champion.version is None
    assert champion.by_alias == champion.by_stage
    assert store.holder("wine", PROMOTE) is None


def test_champion_holds_alias_and_stage(store: Store) -> None:
    champion = store.champion("wine", PROMOTE)
    crown(store, 2)
    champion = store.champion("wine", PROMOTE)
    assert champion.version == version_of(store, 2)
    assert champion.by_alias == champion.by_stage


def test_alias_counts_where_the_stage_names_another(store: Store) -> None:
    crown(store, 1)
    store.set_alias(version_of(store, 2), "production")
    champion = store.champion("wine", PROMOTE)
    assert champion.version == version_of(store, 2) == store.holder("wine", PROMOTE)
    assert champion.by_stage == version_of(store, 1)
    assert champion.by_alias != champion.by_stage


def test_stage_counts_where_nobody_holds_the_alias(store: Store) -> None:
    store.set_stage(version_of(store, 1), "Production")
    champion = store.champion("wine", PROMOTE)
    assert champion.version == version_of(store, 1) == store.holder("wine", PROMOTE)
    assert champion.by_alias != champion.by_stage


def test_champions_of_all_pipelines_are_one_question(store: Store) -> None:
    asked = {"wine": PROMOTE, "digits": PROMOTE}
    assert store.champions(asked) == {}
    store.set_stage(version_of(store, 1), "Production")
    assert store.champions(asked) == {"wine": "1"}
    store.set_alias(version_of(store, 2), "production")
    assert store.champions(asked) == {"wine": "2"}
    assert store.champions({"digits": PROMOTE}) == {}


def test_move_into_the_stage_archives_whoever_was_there(store: Store) -> None:
    for number in (1, 2):
        # By hand, as somebody may in MLflow's pages: two in Production.
        store.client.transition_model_version_stage("wine", str(number), "Production")
    store.set_stage(version_of(store, 3), "Production")
    assert [version_of(store, number).stage for number in (1, 2, 3)] == ["Archived", "Archived", "Production"]


def test_stage_and_alias_are_those_of_the_spec(store: Store) -> None:
    settings = replace(PROMOTE, stage="Staging", alias="candidate")
    crown(store, 1)
    assert store.champion("wine", settings).version is None
    store.set_alias(version_of(store, 3), "candidate")
    store.set_stage(version_of(store, 3), "Staging")
    assert store.champion("wine", settings) == Champion(version_of(store, 3), version_of(store, 3))
    assert store.champion("wine", PROMOTE).version == version_of(store, 1)


def test_deleted_champion_is_no_champion(store: Store) -> None:
    crown(store, 2)
    store.client.delete_model_version("wine", "2")
    assert store.champion("wine", PROMOTE) == Champion(None, None)
    assert store.version("wine", "2") is None
    assert numbers(store) == [1, 3]


def test_version_whose_run_is_gone_has_no_metrics(store: Store) -> None:
    version = version_of(store, 1)
    assert store.metrics(version)["test_accuracy"] > 0
    assert store.metrics(replace(version, run_id="0" * 32)) == {}
    assert store.metrics(replace(version, run_id=None)) == {}


def test_experiment_is_made_once_by_many_at_once(project: Project) -> None:
    stores = [Store.connect(project) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda store: store.experiment("wine"), stores))
    assert len(found) == 1
    experiment = stores[0].client.get_experiment(found.pop())
    assert experiment.artifact_location == f"{project.artifacts}/wine"


def test_deleted_experiment_is_restored(store: Store) -> None:
    number = store.experiment("wine")
    store.client.delete_experiment(number)
    assert store.experiment("wine") == number
    with mlflow.start_run(experiment_id=number):
        mlflow.log_metric("works", 1)


def test_experiment_that_is_deleted_between_two_runs_is_restored(store: Store) -> None:
    experiments = []
    for number in range(2):
        with store.run("wine", f"key{number}", {}, "x") as run:
            experiments.append(run.info.experiment_id)
        store.client.delete_experiment(run.info.experiment_id)
    assert experiments[0] == experiments[1]


def test_deleted_model_is_made_again_by_the_next_version(stocked: Project, rows: Rows) -> None:
    store = Store.connect(stocked)
    store.client.delete_registered_model("wine")
    assert store.search("wine", {}) == []
    outcome = train_config(b"class: sklearn.dummy.DummyClassifier", rows, stocked)
    assert (outcome.status, outcome.version) == ("trained", "1")


def test_two_projects_in_one_process_keep_their_stores_apart(project: Project, shelf: Project) -> None:
    first, second = Store.connect(shelf), Store.connect(project)
    assert len(first.search("wine", {})) == 3
    assert second.search("wine", {}) == []
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert (first.artifacts, second.artifacts) == (shelf.artifacts, project.artifacts)


def test_environment_says_where_mlflow_is(project: Project, shelf: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shelf.mlflow_store)
    store = Store.connect(project)
    assert len(store.search("wine", {})) == 3
    assert store.artifacts is None  # that MLflow's own root
    assert os.environ["MLFLOW_TRACKING_URI"] == shelf.mlflow_store


def test_store_that_does_not_answer_is_an_error_and_not_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Store("http://127.0.0.1:9")
    for ask in (
        lambda: away.champion("wine", PROMOTE),
        lambda: away.search("wine", {}),
        lambda: away.version("wine", "1"),
    ):
        with pytest.raises(MlflowException, match="Max retries exceeded"):
            ask()


def test_mlflow_looks_once_whether_it_runs_in_databricks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr("mlflow.utils.databricks_utils.is_in_databricks_job", lambda: looks.append(1) or True)
    Store.connect(project)
    Store.connect(project)
    provider = DatabricksRequestHeaderProvider()
    assert provider.in_context()
    assert provider.in_context()
    assert len(looks) == 1
