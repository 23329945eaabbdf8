"""A version is trained again from what MLflow holds: to see that it is the same, or on data that changed."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import replace

import joblib
import pandas as pd
import pytest

from dropforge.data import load
from dropforge.documents import UserError
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.training import Trainer, again, reproduce, to_train_again, worth_training
from dropforge.training.threads import limit_threads
from tests.dropforge.penguins import PENGUINS, penguins
from tests.dropforge.wine import train_config

FOREST = b"# as it was dropped\nclass: RandomForestClassifier\nparams: {n_estimators: 5}\nforce: true\n"
MODELS = {"forest.yaml": FOREST, "line.yaml": b"class: LogisticRegression\n", "bayes.yaml": b"class: GaussianNB\n"}


@pytest.fixture
def trained(project: Project) -> Store:
    """Three versions of penguins; the second is the champion, the third was never scored."""
    rows = penguins(project.home)
    for file, config in MODELS.items():
        assert train_config(config, rows, project, PENGUINS, file).status == "trained"
    store = Store.connect(project)
    for number, value in ((1, "0.99"), (2, "0.9")):
        version = store.version("penguins", str(number))
        assert version is not None
        store.tag(version, {"holdout_f1_macro": value})
    champion = store.version("penguins", "2")
    assert champion is not None
    store.set_alias(champion, "production")
    return store


def test_a_version_is_the_same_again_until_the_data_change(trained: Store, project: Project) -> None:
    for number in ("1", "2", "3"):
        version = trained.version("penguins", number)
        assert version is not None
        result = reproduce(trained, project, version)
        assert (result.same, result.differences, result.compared) == (True, (), 344)
        assert result.metrics == {name: trained.metrics(version)[name] for name in result.metrics}
    table = project.home / "penguins.csv"
    frame = pd.read_csv(table)
    frame["bill_length_mm"] = frame["bill_length_mm"].to_numpy()[::-1]
    frame.to_csv(table, index=False)
    version = trained.version("penguins", "1")
    assert version is not None
    result = reproduce(trained, project, version)
    assert not result.same
    assert result.differences[0] == "the data are other ones than then"
    assert "predictions are others" in result.differences[-1]


def test_a_version_that_is_not_what_its_run_says_is_told(trained: Store, project: Project) -> None:
    one, two = (trained.version("penguins", number) for number in "12")
    assert one is not None
    assert two is not None
    result = reproduce(trained, project, replace(one, run_id=two.run_id, tags=two.tags))
    assert [line for line in result.differences if "predictions are others" in line]


def test_the_champion_and_the_best_are_trained_again_when_the_data_have_changed(
    trained: Store, project: Project
) -> None:
    found = worth_training(trained, PENGUINS, 3)
    assert [version.version for version in found] == ["2", "1"]
    assert [version.version for version in worth_training(trained, PENGUINS, 0)] == ["2"]
    recipes, outcomes = to_train_again(trained, PENGUINS, found)
    assert outcomes == []
    assert [recipe.config for recipe in recipes] == [MODELS["line.yaml"], FOREST]

    def again() -> list[tuple[str, str | None]]:
        with Trainer(PENGUINS, load(PENGUINS.data, project.home), project) as trainer:
            outcomes = [trainer.train(recipe.candidate, recipe.config) for recipe in recipes]
        return [(outcome.status, outcome.version) for outcome in outcomes]

    assert again() == [("known", "2"), ("known", "1")]
    table = project.home / "penguins.csv"
    pd.read_csv(table).iloc[:-1].to_csv(table, index=False)
    assert again() == [("trained", "4"), ("trained", "5")]


def test_what_the_run_does_not_hold_any_more_is_explained(trained: Store, project: Project) -> None:
    version = trained.version("penguins", "1")
    assert version is not None
    for file in (project.state / "artifacts").rglob("candidate.json"):
        if json.loads(file.read_text())["file"] == "forest.yaml":
            file.unlink()
    with pytest.raises(UserError, match="does not hold what it was made from"):
        reproduce(trained, project, version)
    recipes, (outcome,) = to_train_again(trained, PENGUINS, worth_training(trained, PENGUINS, 3))
    assert [recipe.config for recipe in recipes] == [MODELS["line.yaml"]]
    assert (outcome.status, outcome.cls) == ("failed", version.tags["estimator"])
    assert (
        "version 1 cannot be trained again: the run of version 1 does not hold what it was made from" in outcome.error
    )


def test_what_takes_longer_this_time_is_explained(trained: Store, project: Project) -> None:
    version = trained.version("penguins", "3")
    assert version is not None
    for file in (project.state / "artifacts").rglob("settings.json"):
        settings = json.loads(file.read_text())
        settings["train"]["timeout_seconds"] = 0.001
        file.write_text(json.dumps(settings))
    with pytest.raises(UserError) as caught:
        reproduce(trained, project, version)
    (problem,) = caught.value.problems
    assert problem.message == "training took longer than 0.001 s (train.timeout_seconds) and was stopped"
    assert problem.remedy == "Version 3 was trained once: try again while this machine has less to do."


def test_a_version_is_trained_again_with_as_many_threads_as_then(
    trained: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(estimator: object, threads: int) -> AbstractContextManager[None]:
        assert threads == 3
        return limit_threads(estimator, threads)

    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    monkeypatch.setattr(again, "limit_threads", counted)
    version = trained.version("penguins", "1")
    assert version is not None
    assert reproduce(trained, project, version).same
