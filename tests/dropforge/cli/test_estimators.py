"""The commands estimators and new."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dropforge.cli.commands import BEER, SPEC, Run, config


def test_estimators_are_found_by_pattern_and_by_word(run: Run) -> None:
    found = run("estimators", "*Forest*", "--json").json
    assert [entry["class"] for entry in found] == ["sklearn.ensemble.RandomForestClassifier"]
    assert set(found[0]) == {"class", "kind", "experimental", "parameters", "summary"}
    assert found[0]["parameters"]["n_estimators"] == {
        "required": False,
        "default": 100,
        "allowed": "an int in the range [1, inf)",
    }
    assert "n_estimators" in found[0]["parameters"]
    assert run("estimators", "randomforest", "--json").json == found
    shown = run("estimators", "randomforest").out
    assert shown.startswith("sklearn.ensemble.RandomForestClassifier (classifier)\n")
    assert "  n_estimators\n    default 100; an int in the range [1, inf)\n" in shown
    assert len(run("estimators", "--json").json) > 30
    assert run("estimators", "nothing", "--json").json == []


def test_nothing_found_says_what_may_be_meant(run: Run, home: Path) -> None:
    assert "Did you mean 'RandomForestClassifier'?" in run("estimators", "RandomForestClasifier").out
    assert "no classifier fits '*Lasso*'\n    Look among all with --kind all" in run("estimators", "*Lasso*").out
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    assert "'sklearn.svm.SVC' is not allowed here" in run("estimators", "SVC", "--pipeline", "beer").out


def test_estimator_that_is_named_is_described_whatever_it_is(run: Run) -> None:
    assert run("estimators", "SVC").out.startswith("sklearn.svm.SVC (classifier)\n")
    assert run("estimators", "StandardScaler").out.startswith("sklearn.preprocessing.StandardScaler (transformer)\n")
    for name in ("pipeline.Pipeline", "model_selection.GridSearchCV"):
        assert run("estimators", f"sklearn.{name}").out.startswith(f"sklearn.{name} (a classifier, if it holds one)\n")
    kinds = {entry["kind"] for entry in run("estimators", "--kind", "regressor", "--json").json}
    assert kinds == {"regressor"}


def test_pipeline_narrows_the_list_and_adds_other_packages(run: Run, home: Path) -> None:
    beer = BEER.replace('"sklearn.tree.*"', '"sklearn.tree.*", "lightgbm.*"')
    (home / "pipelines.yaml").write_text(SPEC + beer)
    found = {entry["class"] for entry in run("estimators", "--pipeline", "beer", "--json").json}
    assert {"lightgbm.LGBMClassifier", "sklearn.tree.DecisionTreeClassifier"} <= found
    assert {path.rpartition(".")[0] for path in found} == {"lightgbm", "sklearn.tree"}
    assert "class: lightgbm.LGBMClassifier" in run("new", "LGBMClassifier", "--pipeline", "beer").out
    refused = run("new", "SVC", "--pipeline", "beer")
    assert refused.code == 1
    assert "is not allowed here" in refused.err


def test_new_prints_a_config_that_passes_check(run: Run) -> None:
    result = run("new", "RandomForestClassifier")
    assert (result.code, result.err) == (0, "")
    assert "  # default 100; an int in the range [1, inf)\n  n_estimators: 100\n" in result.out
    assert run("check", config(result.out.encode())).code == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("StandardScaler", "is not a classifier"), ("SVK", "Did you mean"), ("os.system", "not allowed")],
)
def test_new_of_what_is_no_classifier_is_a_message(run: Run, name: str, words: str) -> None:
    result = run("new", name)
    assert (result.code, result.out) == (1, "")
    assert words in result.err
