"""Where the links of tasks lead: to the pages of what the task itself made, mapped or not."""

import json
from urllib.parse import parse_qs

import pytest
from airflow.models.taskinstancekey import TaskInstanceKey

from dropforge.airflow.links import ADDRESS, MlflowRun, ModelPage
from tests.dropforge.airflow.runs import make_run

pytestmark = pytest.mark.usefixtures("tables", "_mlflow")


@pytest.fixture
def _mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5001/")
    monkeypatch.delenv(ADDRESS, raising=False)


def link(kind, dag, task, results, index=-1):
    """Return the link of a task of which these are the results, by map index."""
    run = make_run(dag, {(task, number, "return_value"): result for number, result in results.items()})
    return kind().get_link(None, ti_key=TaskInstanceKey(dag, task, run, 1, index))


def trained(*outcomes):
    """Return the result of a task that trained runs, known ones without their experiment."""
    return json.dumps([{"drop": "d/0", "run_id": run, "experiment_id": place} for run, place in outcomes])


def test_each_mapped_task_leads_to_the_run_of_its_own_candidate():
    results = {0: trained(("a", "7")), 1: trained(("b", "7")), 2: trained((None, None))}
    links = [link(MlflowRun, "wine_train", "train", results, index) for index in (0, 1, 2, 3)]
    assert links == ["http://mlflow:5001/#/runs/a", "http://mlflow:5001/#/runs/b", "", ""]


def test_a_batch_leads_to_its_runs_side_by_side():
    address = link(MlflowRun, "wine_train", "train", {0: trained(("a", "7"), (None, None), ("b", None))}, 0)
    page, _, query = address.partition("?")
    assert page == "http://mlflow:5001/#/compare-runs"
    asked = {name: json.loads(values[0]) for name, values in parse_qs(query).items()}
    assert asked == {"runs": ["a", "b"], "experiments": ["7"]}


def test_a_batch_of_known_candidates_leads_to_the_model():
    address = link(MlflowRun, "wine_train", "train", {0: trained(("a", None), ("b", None))}, 0)
    assert address == "http://mlflow:5001/#/models/wine"


def test_what_judges_versions_leads_to_the_model_or_its_version():
    decision = {"champion": "2", "previous": None, "verdict": "", "candidates": []}
    assert link(ModelPage, "my_wine_promote", "promote", {-1: decision}) == "http://mlflow:5001/#/models/my_wine"
    proof = {"version": "2", "predictions": [1]}
    assert link(ModelPage, "wine_promote", "prove", {-1: proof}) == "http://mlflow:5001/#/models/wine"
    judged = {3: {"version": "5", "value": 0.5, "reasons": []}}
    assert link(ModelPage, "wine_promote", "validate", judged, 3) == "http://mlflow:5001/#/models/wine/versions/5"


@pytest.mark.parametrize("result", ["no JSON", "[]", "{}", "3", '["a"]', 3, {"a": 1}, ["a"]])
def test_a_result_that_is_not_ours_has_no_link(result):
    assert link(MlflowRun, "wine_train", "train", {0: result}, 0) == ""


def test_the_address_for_browsers_wins(monkeypatch):
    monkeypatch.setenv(ADDRESS, "https://mlflow.example/sub")
    assert link(MlflowRun, "wine_train", "train", {0: trained(("a", "7"))}, 0) == "https://mlflow.example/sub/#/runs/a"


@pytest.mark.parametrize("address", ["", "sqlite:///mlflow.db", "databricks"])
def test_a_store_without_pages_has_no_link(monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert link(MlflowRun, "wine_train", "train", {0: trained(("a", "7"))}, 0) == ""
