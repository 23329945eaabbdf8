"""The commands train, promote and versions."""

from __future__ import annotations

import pytest

from dropforge.cli import common
from dropforge.project import Project
from dropforge.registry import Store
from tests.dropforge.cli.commands import SPEC, Run, config
from tests.dropforge.wine import STUMP, TREE, WINE, crown, version_of


def test_train_prints_version_class_metrics_and_seconds(run: Run, project: Project) -> None:
    result = run("train", config(STUMP), "--pipeline", "wine", "--json")
    assert result.code == 0
    (trained,) = result.json
    assert set(trained) == {"version", "class", "metrics", "seconds", "status"}
    assert (trained["version"], trained["class"]) == ("1", "sklearn.tree.DecisionTreeClassifier")
    assert 0 < trained["metrics"]["test_accuracy"] <= 1
    assert trained["seconds"] > 0
    again = run("train", config(STUMP), "--pipeline", "wine")
    assert again.code == 0
    assert again.out.startswith("model.yaml: DecisionTreeClassifier: version 1 (trained before)\n")


def test_train_keeps_the_versions_of_the_others_when_one_candidate_fails(run: Run, stocked: Project) -> None:
    models = (
        b"models:\n- {class: sklearn.svm.NuSVC, params: {nu: 0.99}}\n"
        b"- {class: sklearn.tree.DecisionTreeClassifier, params: {max_depth: 2}}\n"
    )
    result = run("train", config(models, "both.yaml"), "--pipeline", "wine", "--json")
    assert result.code == 1
    failed, known = result.json
    assert (failed["version"], failed["metrics"], failed["status"]) == (None, {}, "failed")
    assert (known["version"], known["status"]) == ("2", "known")
    assert "both.yaml: the fit failed: ValueError: specified nu is infeasible" in result.err
    assert "Traceback" not in result.err


def test_promote_prints_the_decision(run: Run, stocked: Project) -> None:
    expected = {"champion": "2", "previous": None, "verdict": "version 2 is the first champion: f1_macro 1.0000"}
    dry = run("promote", "wine", "--dry-run", "--json")
    assert dry.code == 0
    assert expected.items() <= dry.json.items()
    assert set(dry.json) == {"champion", "previous", "verdict", "candidates"}
    assert [set(item) for item in dry.json["candidates"]] == [{"version", "value", "passed", "reasons"}] * 3
    assert [item["version"] for item in dry.json["candidates"]] == ["2", "3", "1"]
    store = Store.connect(stocked)
    assert store.champion("wine", WINE.promote).version is None
    assert "Would be: version 2 is the first champion" in run("promote", "wine", "--dry-run").out
    assert run("promote", "wine", "--json").json == dry.json
    assert store.champion("wine", WINE.promote).version == version_of(store, 2)
    assert run("promote", "wine").out == "no new version; version 2 stays\n"


def test_where_a_person_approves_promote_only_shows_and_a_named_version_is_promoted(run: Run, stocked: Project) -> None:
    (stocked.home / "pipelines.yaml").write_text(SPEC.replace("minimum: 0.8", "minimum: 0.8, approval: required"))
    store = Store.connect(stocked)
    assert "Would be: version 2 is the first champion" in run("promote", "wine").out
    assert store.champion("wine", WINE.promote).version is None
    assert run("promote", "wine", "--version", "3", "--why", "approved").code == 0
    assert store.champion("wine", WINE.promote).version == version_of(store, 3)


def test_versions_come_best_first_and_the_champion_is_marked(run: Run, stocked: Project) -> None:
    run("promote", "wine")
    table = run("versions", "wine", "--json").json
    assert [(row["version"], row["champion"]) for row in table] == [("2", True), ("3", False), ("1", False)]
    assert table[0] == {
        "version": "2",
        "class": "sklearn.tree.DecisionTreeClassifier",
        "config_file": "tree.yaml",
        "status": "passed",
        "holdout_f1_macro": 1.0,
        "stage": "Production",
        "champion": True,
    }
    shown = run("versions", "wine").out
    for word in ("tree.yaml", "forest.yaml", "stump.yaml", "1.0000", "Production", "(champion)", "failed"):
        assert word in shown


# 1 is stump.yaml, 2 tree.yaml, 3 forest.yaml; 1 and 2 are of one class, and 2 is the better.
@pytest.mark.parametrize(("by", "expected"), [("version", "321"), ("class", "321"), ("config", "312")])
def test_versions_are_sorted_as_asked(by: str, expected: str, run: Run, stocked: Project) -> None:
    run("promote", "wine")
    assert "".join(row["version"] for row in run("versions", "wine", "--sort", by, "--json").json) == expected


def test_a_version_is_reproduced_and_the_best_are_known_until_the_data_change(run: Run, project: Project) -> None:
    run("train", config(TREE), "--pipeline", "wine")
    run("promote", "wine")
    result = run("reproduce", "wine", "1")
    assert (result.code, result.out) == (0, "version 1: the same, in digest, 10 metrics and 178 predictions\n")
    assert run("reproduce", "wine", "1", "--json").json["same"] is True
    assert run("retrain", "wine").out == "model.yaml: DecisionTreeClassifier: version 1 (the same as before)\n"
    (known,) = run("retrain", "wine", "--json").json
    assert (known["version"], known["status"]) == ("1", "known")
    Store.connect(project).client.set_model_version_tag("wine", "1", "config_digest", "another")
    changed = run("reproduce", "wine", "1")
    assert changed.code == 1
    assert "version 1: not the same\n  its digest is another" in changed.out
    assert run("reproduce", "wine", "7").code == 1


def test_what_cannot_be_trained_again_holds_up_no_other(run: Run, stocked: Project) -> None:
    """The champion and another version are trees, which the spec denies meanwhile."""
    run("promote", "wine")
    spec = stocked.home / "pipelines.yaml"
    spec.write_text(SPEC.replace("120}", "120, deny: [sklearn.tree.DecisionTreeClassifier]}"))
    result = run("retrain", "wine")
    assert result.code == 1
    assert result.out == "forest.yaml: RandomForestClassifier: version 3 (the same as before)\n"
    assert "version 2 cannot be trained again: tree.yaml: class: " in result.err
    assert "version 1 cannot be trained again: stump.yaml: class: " in result.err
    told = [(one["status"], one["version"], one["class"]) for one in run("retrain", "wine", "--json").json]
    tree = ("failed", None, "sklearn.tree.DecisionTreeClassifier")
    assert told == [tree, tree, ("known", "3", "sklearn.ensemble.RandomForestClassifier")]


def test_versions_in_a_pipe_are_whole_lines(run: Run, stocked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(common.out, "width", 30)  # a terminal's; a pipe has none
    (line,) = [line for line in run("versions", "wine").out.splitlines() if "forest.yaml" in line]
    assert "RandomForestClassifier" in line


def test_versions_that_were_not_validated_come_last(run: Run, stocked: Project) -> None:
    store = Store.connect(stocked)
    store.tag(version_of(store, 3), {"holdout_f1_macro": "0.5"})
    table = run("versions", "wine", "--json").json
    assert [(row["version"], row["holdout_f1_macro"]) for row in table] == [("3", 0.5), ("1", None), ("2", None)]


def test_versions_of_a_pipeline_that_trained_nothing_are_none(run: Run, project: Project) -> None:
    assert run("versions", "wine", "--json").json == []
    assert run("versions", "wine").code == 0
    assert run("promote", "wine").out == "no new version; there is no champion yet\n"


def test_project_is_the_folder_of_the_spec_and_not_the_current_one(
    run: Run, stocked: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    crown(Store.connect(stocked), 3)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    table = run("versions", "wine", "--spec", str(stocked.home / "pipelines.yaml"), "--json").json
    assert [row["version"] for row in table if row["champion"]] == ["3"]
    monkeypatch.setenv("DROPFORGE_SPEC", str(stocked.home / "pipelines.yaml"))
    assert len(run("versions", "wine", "--json").json) == 3
    assert list(elsewhere.iterdir()) == []


def test_history_and_rollback(run: Run, stocked: Project) -> None:
    assert run("history", "wine").out == "there was no champion yet\n"
    assert run("history", "wine", "--json").json == []
    assert run("rollback", "wine").code == 1
    run("promote", "wine")
    chosen = run("promote", "wine", "--version", "3", "--why", "for the [bold] demo")
    assert chosen.out.splitlines()[-1] == "version 3 is promoted by hand: for the [bold] demo"
    newest, oldest = run("history", "wine", "--json").json
    assert set(newest) == {"version", "from", "until", "metric", "value", "why", "by"}
    assert (newest["version"], newest["until"], newest["why"]) == ("3", None, "for the [bold] demo")
    assert (oldest["version"], oldest["until"]) == ("2", newest["from"])
    assert oldest["value"] == 1.0
    dry = run("rollback", "wine", "--why", "no", "--dry-run")
    assert dry.out.splitlines() == [
        "Would be: rolled back from version 3 to version 2: no",
        "  1. the decision is recorded in MLflow: rolled back",
        "  2. the alias production moves to version 2",
        "  3. version 2 moves to the stage Production; who was there is archived",
        "  4. version 2 is tagged decision: promoted",
        "  5. version 3 is tagged decision: rolled back, decision_reasons: no",
        "  6. the record is closed",
    ]
    done = run("rollback", "wine", "--why", "no", "--json")
    assert done.json == {
        "champion": "2",
        "previous": "3",
        "verdict": "rolled back from version 3 to version 2: no",
        "candidates": [],
    }
    shown = run("history", "wine").out
    for word in ("f1_macro 1.0000", "for the [bold] demo", "now", "(UTC)"):
        assert word in shown


def test_while_the_server_is_away_a_message_says_what_to_do(
    run: Run, stocked: Project, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.connect(stocked)
    crown(store, 2)
    monkeypatch.setenv("DROPFORGE_SERVER", away)
    for command in (["rollback", "wine"], ["promote", "wine", "--version", "3"], ["promote", "wine"]):
        result = run(*command)
        assert result.code == 1
        assert f"the model server at {away} does not answer: " in result.err
        assert "`dropforge status` shows what runs" in result.err
        assert "Traceback" not in result.err
    assert store.champion("wine", WINE.promote).version == version_of(store, 2)


def test_why_belongs_to_a_version(run: Run, stocked: Project) -> None:
    refused = run("promote", "wine", "--why", "because")
    assert refused.code == 2
    assert "only together with --version" in refused.err
