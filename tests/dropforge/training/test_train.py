"""A candidate is trained once, in a process of its own, and its failure is an outcome."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

import dropforge.training.fit
import dropforge.training.log
from dropforge.data import Rows
from dropforge.data import load as load_rows
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.settings import Pipeline
from dropforge.training import Outcome, Trainer
from tests.dropforge.wine import FOREST, STUMP, TREE, WINE, candidate, train_config

# Its loop holds the interpreter's lock: the process hears no signal until it ends.
ENDLESS = b"""class: sklearn.linear_model.LogisticRegression
params: {solver: saga, max_iter: 1000000000, tol: 0.0}
"""


# Its time is what is too much: it makes all trees, some hundred a second, before it fits the first.
ENDLESS_FOREST = b"class: RandomForestClassifier\nparams: {n_estimators: 100000000}\n"
# Its weights alone are 860 MB.
HUGE_NETWORK = b"class: MLPClassifier\nparams: {hidden_layer_sizes: [10000, 10000]}\n"


def trained(
    config: bytes, pipeline: Pipeline, rows: Rows, project: Project, drop: str = "", threads: int | None = None
) -> Outcome:
    with Trainer(pipeline, rows, project, threads) as trainer:
        return trainer.train(candidate(config), config, drop)


def limited(seconds: float = 120, memory_mb: float = 4096) -> Any:
    return replace(WINE, train=replace(WINE.train, timeout_seconds=seconds, memory_mb=memory_mb))


def test_what_mlflow_refuses_is_the_candidates_failure_and_what_it_cannot_do_now_is_not(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MlflowException("too long", error_code=code)

    monkeypatch.setattr(dropforge.training.log, "log", refuse)
    store = Store.connect(project)
    experiment = store.experiment("wine")
    code = INVALID_PARAMETER_VALUE
    outcome = train_config(STUMP, rows, project)
    assert outcome.status == "failed"
    assert "MLflow refuses what there is to be logged of it" in outcome.error
    code = RESOURCE_DOES_NOT_EXIST
    with pytest.raises(MlflowException, match="too long"):
        train_config(STUMP, rows, project)
    store.client.delete_experiment(experiment)  # by which MLflow refuses as well
    code = INVALID_PARAMETER_VALUE
    with pytest.raises(MlflowException, match="too long"):
        train_config(STUMP, rows, project)


def test_a_table_too_wide_for_mlflows_page_and_a_plot_that_fails_cost_no_version(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a font is missing")

    monkeypatch.setattr(dropforge.training.log, "MAX_DATASET_SCHEMA_SIZE", 10)
    monkeypatch.setattr(dropforge.training.log, "draw_confusion", fail)
    outcome = train_config(STUMP, rows, project)
    assert outcome.status == "trained", outcome.error
    client = Store.connect(project).client
    run = client.get_run(str(outcome.run_id))
    assert not run.inputs.dataset_inputs[0].dataset.schema
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert "curves.png" in files
    assert "confusion_matrix.png" not in files


def test_same_candidate_again_is_known_and_makes_no_second_version(stocked: Project, rows: Rows) -> None:
    reordered = b"params:\n  max_depth: 2\nname: another\nclass: sklearn.tree.DecisionTreeClassifier\n"
    outcome = train_config(reordered, rows, stocked, file="renamed.yaml")
    assert (outcome.status, outcome.version, outcome.error) == ("known", "2", "")
    assert outcome.metrics["test_accuracy"] > 0.5
    assert len(Store.connect(stocked).search("wine", {})) == 3


@pytest.mark.slow
def test_two_processes_at_once_make_one_version_of_the_same_candidate(project: Project, rows: Rows) -> None:
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: train_config(TREE, rows, project), range(2)))
    assert sorted(outcome.status for outcome in outcomes) == ["known", "trained"]
    assert [version.version for version in Store.connect(project).search("wine", {})] == ["1"]


def test_candidate_whose_version_was_deleted_is_trained_again(stocked: Project, rows: Rows) -> None:
    Store.connect(stocked).client.delete_model_version("wine", "2")
    outcome = train_config(TREE, rows, stocked)
    assert (outcome.status, outcome.version) == ("trained", "4")


@pytest.mark.slow
def test_forced_candidate_is_trained_once_for_each_drop(stocked: Project, rows: Rows) -> None:
    forced = TREE + b"force: true\n"

    def drop(name: str) -> tuple[str, str | None]:
        outcome = trained(forced, WINE, rows, stocked, name)
        return outcome.status, outcome.version

    assert drop("run-1/a/0") == ("trained", "4")
    assert drop("run-1/a/0") == ("trained", "4")  # the task was cleared: this drop did become that version
    assert drop("run-2/b/0") == ("trained", "5")


def test_fit_failure_is_an_outcome_and_leaves_neither_version_nor_run(project: Project, rows: Rows) -> None:
    config = b"class: sklearn.svm.NuSVC\nparams: {nu: 0.99}\n"
    outcome = train_config(config, rows, project, file="svc.yaml")
    assert (outcome.status, outcome.version) == ("failed", None)
    assert "svc.yaml: the fit failed: ValueError: specified nu is infeasible" in outcome.error
    assert "Change " in outcome.error  # what to do
    store = Store.connect(project)
    assert store.search("wine", {}) == []
    assert store.client.search_experiments(filter_string="name = 'wine'") == []


def test_endless_fit_is_stopped_and_the_message_names_the_limit(project: Project, rows: Rows) -> None:
    outcome = train_config(ENDLESS, rows, project, limited(0.5), "endless.yaml")
    assert outcome.status == "failed"
    assert "endless.yaml: training took longer than 0.5 s (train.timeout_seconds) and was stopped" in outcome.error
    assert "raise the limit" in outcome.error
    assert Store.connect(project).search("wine", {}) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "limits", "message"),
    [
        (
            HUGE_NETWORK,
            {"memory_mb": 200},
            "training took more than 200 MB of memory (train.memory_mb) and was stopped",
        ),
        (ENDLESS_FOREST, {"seconds": 1}, "training took longer than 1 s (train.timeout_seconds) and was stopped"),
    ],
)
def test_candidate_over_a_limit_is_stopped_alone_and_the_message_says_which(
    project: Project, rows: Rows, config: bytes, limits: dict[str, float], message: str
) -> None:
    with ThreadPoolExecutor(2) as pool:
        huge = pool.submit(train_config, config, rows, project, limited(**limits), "huge.yaml")
        good = pool.submit(train_config, FOREST, rows, project, limited(memory_mb=200), "good.yaml")
        assert (good.result().status, good.result().error) == ("trained", "")
        outcome = huge.result()
    assert (outcome.status, outcome.version) == ("failed", None)
    assert f"huge.yaml: {message}" in outcome.error
    assert "Make the model smaller, or raise the limit in the spec." in outcome.error
    assert train_config(TREE, rows, project, limited(memory_mb=200)).status == "trained"  # as the next of its batch
    versions = Store.connect(project).search("wine", {})
    assert sorted(version.tags["config_file"] for version in versions) == ["good.yaml", "model.yaml"]


@pytest.mark.slow
def test_fit_uses_the_threads_it_is_given_and_the_params_logged_are_the_users(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = dropforge.training.fit.fit

    def fit_and_tell(estimator: Any, *arguments: Any) -> Any:
        fitted = fit(estimator, *arguments)
        return replace(fitted, warnings=(f"fitted with n_jobs={estimator.n_jobs}",))

    monkeypatch.setattr("dropforge.training.fit.fit", fit_and_tell)
    config = b"class: RandomForestClassifier\nparams: {n_estimators: 5, n_jobs: -1}\n"
    outcome = trained(config, WINE, rows, project, threads=1)
    assert outcome.status == "trained", outcome.error
    store = Store.connect(project)
    run = store.client.get_run(store.search("wine", {})[0].run_id or "")
    assert run.data.params["n_jobs"] == "-1"
    warnings = Path(store.client.download_artifacts(run.info.run_id, "warnings.txt"))
    assert warnings.read_text() == "fitted with n_jobs=1\n"


@pytest.mark.slow
def test_time_that_mlflow_takes_is_not_the_candidates(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = dropforge.training.log.log
    limit = 2.0

    def log_slowly(*arguments: Any) -> str:
        time.sleep(limit + 0.5)  # the scenario itself: a server that is slow to answer
        return log(*arguments)

    monkeypatch.setattr("dropforge.training.log.log", log_slowly)
    assert train_config(TREE, rows, project, limited(limit)).status == "trained"


def test_killed_process_is_a_failure_with_a_message_and_holds_nobody_up(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("dropforge.training.fit.fit", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        outcome = train_config(TREE, rows, project, file="tree.yaml")
    assert outcome.status == "failed"
    assert "tree.yaml: the training process was killed: probably the machine ran out of memory" in outcome.error
    assert "Make the model smaller" in outcome.error
    assert train_config(TREE, rows, project).status == "trained"  # its lock went with it


def test_error_of_the_infrastructure_is_raised(project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "create_version", full)
    with pytest.raises(OSError, match="No space left"):
        train_config(TREE, rows, project)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        # A step that holds a function of scikit-learn, and one that holds a numpy dtype.
        "class: Pipeline\nparams:\n  steps:\n  - [best, {class: SelectKBest, params: {k: 3}}]\n"
        "  - [bins, {class: KBinsDiscretizer}]\n  - [tree, {class: DecisionTreeClassifier}]\n",
        "class: LabelPropagation\n",  # its probabilities are NaN far from every known row
    ],
)
def test_unusual_estimators_become_versions_that_load_back(project: Project, rows: Rows, text: str) -> None:
    outcome = train_config(text.encode(), rows, project)
    assert outcome.status == "trained", outcome.error
    store = Store.connect(project)
    version = store.version("wine", outcome.version or "")
    assert version is not None
    features, _ = rows.part("holdout")
    assert len(load(store, version).pyfunc.predict(features)) == len(features)


@pytest.mark.parametrize(
    ("step", "message"),
    [("FeatureAgglomeration", "could not be loaded back safely"), ("Birch", "cannot be stored: UnsupportedType")],
)
def test_model_that_cannot_be_stored_or_loaded_back_is_a_failure_and_leaves_no_run(
    project: Project, rows: Rows, step: str, message: str
) -> None:
    text = f"class: Pipeline\nparams: {{steps: [[first, {{class: {step}}}], [bayes, {{class: GaussianNB}}]]}}\n"
    outcome = train_config(text.encode(), rows, project)
    assert outcome.status == "failed"
    assert message in outcome.error
    assert Store.connect(project).client.search_experiments(filter_string="name = 'wine'") == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["s(1)+\u00e9", "/a", "a/", "..", "."])
def test_step_with_a_name_that_mlflow_refuses_and_keys_that_are_numbers_are_trained(
    project: Project, rows: Rows, step: str
) -> None:
    text = (
        f"class: Pipeline\nparams:\n  steps:\n  - ['{step}', {{class: StandardScaler}}]\n"
        "  - [tree, {class: DecisionTreeClassifier, params: {class_weight: {0: 1, 1: 2, 2: 1}}}]\n"
    )
    outcome = train_config(text.encode(), rows, project)
    assert outcome.status == "trained", outcome.error
    store = Store.connect(project)
    params = store.client.get_run(store.search("wine", {})[0].run_id or "").data.params
    (key,) = (name for name in params if name.endswith("__with_mean"))
    assert params[key] == "True"
    assert params["tree__class_weight"] == "{0: 1, 1: 2, 2: 1}"


@pytest.mark.slow
def test_run_whose_process_was_killed_ends_as_killed_when_the_candidate_is_trained_again(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "create_version", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        assert train_config(TREE, rows, project).status == "failed"
    assert train_config(TREE, rows, project).status == "trained"
    store = Store.connect(project)
    runs = store.client.search_runs([store.experiment("wine")])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]


@pytest.mark.slow
def test_fit_that_is_stopped_leaves_no_process_of_its_own_at_work(project: Project, rows: Rows) -> None:
    text = b"""class: GridSearchCV
params:
  estimator: {class: LogisticRegression, params: {solver: saga, max_iter: 1000000000, tol: 0.0}}
  param_grid: {C: [1, 2, 3]}
  n_jobs: 2
"""
    before, there = psutil.Process().children(recursive=True), set(psutil.pids())
    assert train_config(text, rows, project, limited(2)).status == "failed"
    begun = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert [child for child in begun if child.cpu_percent(0.2) > 20] == []  # helpers of libraries may wait there
    begun = [process for process in psutil.process_iter(["pid", "ppid", "cmdline"]) if process.pid not in there]
    ours = [process.info for process in begun if process.info["ppid"] in (1, os.getpid())]
    assert not [info for info in ours if "loky" in " ".join(info["cmdline"] or [])]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wine.csv", "wine.parquet"])
def test_rows_of_a_file_are_trained_on_too(project: Project, rows: Rows, name: str) -> None:
    frame = rows.features.assign(target=rows.target)
    if name.endswith(".csv"):
        frame.to_csv(project.home / name, index=False)
    else:
        frame.to_parquet(project.home / name)
    data = replace(WINE.data, source=name)
    outcome = trained(TREE, replace(WINE, data=data), load_rows(data, project.home), project)
    assert outcome.status == "trained", outcome.error
    assert outcome.metrics["test_accuracy"] > 0.5


@pytest.mark.slow
def test_candidates_share_a_process_until_it_is_stopped(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, fit = project.home / "told", dropforge.training.fit.fit

    def fit_and_tell(*arguments: Any) -> Any:
        with told.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return fit(*arguments)

    monkeypatch.setattr(dropforge.training.fit, "fit", fit_and_tell)
    with Trainer(limited(2), rows, project) as trainer:
        statuses = [trainer.train(candidate(config), config).status for config in (STUMP, TREE, ENDLESS, FOREST)]
    assert statuses == ["trained", "trained", "failed", "trained"]
    first, second, third, fourth = told.read_text().split()
    assert first == second == third
    assert fourth != third
