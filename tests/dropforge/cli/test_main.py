"""The command line, through its real entry, in a project of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from dropforge.cli.main import app, main
from dropforge.project import Project
from dropforge.registry import Store
from tests.dropforge.wine import STUMP, TREE, WINE, crown, version_of

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]

SPEC = """\
version: 1
pipelines:
  wine:
    data: {source: sklearn.datasets.load_wine, target: target, split: {test: 0.2, holdout: 0.2, seed: 42}}
    train: {timeout_seconds: 120}
    promote: {schedule: 1m, metric: f1_macro, minimum: 0.8}
"""
BEER = """\
  beer:
    data: {source: beer.csv, target: style}
    train: {estimators: ["sklearn.tree.*"]}
    promote: {schedule: 1m, metric: accuracy}
"""
BAD = b"class: sklearn.tree.DecisionTreeClassifier\nparams:\n  max_dept: 3\n"


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, which is the current one; no store is there unless a test asks for one."""
    (tmp_path / "pipelines.yaml").write_text(SPEC)
    (tmp_path / "configs" / "wine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, as `dropforge ...` does."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        return Result(int(code or 0), *capsys.readouterr())

    return run


def config(content: bytes, name: str = "model.yaml") -> str:
    path = Path("configs/wine") / name
    path.write_bytes(content)
    return str(path)


# Help, usage and mistakes


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_with_an_example(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.code == 0
    assert f"Example: dropforge {name}" in result.out


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["train"], ["train", "a.yaml"], ["promote"], ["check", "--nonsense"], ["serve", "--port", "x"]],
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert "Usage" in result.err
    assert result.out == ""


def test_import_of_the_command_line_is_quick() -> None:
    heavy = "{'sklearn', 'mlflow', 'airflow', 'pandas', 'numpy', 'fastapi'}"
    code = f"import sys, dropforge.cli.main; print({heavy} & {{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_mistake_in_the_spec_is_a_message_with_file_line_and_remedy(home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC.replace("metric: f1_macro", "metrik: f1_macro"))
    command = [sys.executable, "-m", "dropforge.cli.main", "check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "pipelines.yaml:6:29: pipelines.wine.promote.metrik: the key 'metrik' is unknown",
        "    6 |     promote: {schedule: 1m, metrik: f1_macro, minimum: 0.8}",
        "      |                             ^^^^^^",
        "    Did you mean 'metric'?",
    ]


def test_mistake_in_a_config_is_a_message_with_file_line_and_remedy(run: Run) -> None:
    result = run("train", config(BAD), "--pipeline", "wine")
    assert result.code == 1
    assert result.out == ""
    assert result.err.splitlines() == [
        "model.yaml:3:3: params.max_dept: DecisionTreeClassifier has no parameter 'max_dept'",
        "    3 |   max_dept: 3",
        "      |   ^^^^^^^^",
        "    Did you mean 'max_depth'?",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["promote", "wien"], ["there is no pipeline 'wien'", "Did you mean 'wine'?"]),
        (["versions", "wien"], ["there is no pipeline 'wien'"]),
        (["train", "gone.yaml", "--pipeline", "wine"], ["gone.yaml: there is no such file", "Check the name"]),
        (["train", "configs", "--pipeline", "wine"], ["configs: this is a folder"]),
        (["train", "gone.yaml", "--pipeline", "wien"], ["there is no pipeline 'wien'"]),
        (["serve", "wien"], ["there is no pipeline 'wien'"]),
        (["generate", "--spec", "gone.yaml"], ["gone.yaml"]),
        (["check", "--spec", "gone.yaml"], ["gone.yaml"]),
    ],
)
def test_mistake_of_the_user_is_a_message(run: Run, arguments: list[str], words: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 1
    assert result.out == ""
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


def test_command_that_was_wrong_leaves_no_state_behind(run: Run, home: Path) -> None:
    run("promote", "wien")
    run("train", "gone.yaml", "--pipeline", "wine")
    assert not (home / ".dropforge").exists()


# check


def test_check_of_the_spec_alone(run: Run) -> None:
    assert run("check") == Result(0, "pipelines.yaml: 1 pipeline(s), no mistake\n", "")
    assert run("check", "--json").json == []


def test_check_of_a_good_config(run: Run) -> None:
    result = run("check", config(TREE))
    assert (result.code, result.err) == (0, "")
    assert result.out == "configs/wine/model.yaml: 1 candidate(s)\n"
    assert run("check", "--json", config(TREE)).json == [
        {
            "file": "configs/wine/model.yaml",
            "ok": True,
            "candidates": [{"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}],
            "errors": [],
        }
    ]


def test_check_names_every_mistake_of_every_config(run: Run) -> None:
    arguments = [config(BAD + b"  splitter: 7\n", "bad.yaml"), config(b'{"class": "Tree"}', "bad.json"), config(TREE)]
    result = run("check", *arguments)
    assert result.code == 1
    assert "configs/wine/bad.yaml: 2 mistakes" in result.out
    assert "bad.yaml:3:3: params.max_dept: " in result.out
    assert "bad.yaml:4:" in result.out
    assert "configs/wine/model.yaml: 1 candidate(s)" in result.out
    result = run("check", "--json", *arguments)
    assert result.code == 1
    yaml, json_, good = result.json
    assert (yaml["ok"], json_["ok"], good["ok"]) == (False, False, True)
    assert set(yaml) == {"file", "ok", "candidates", "errors"}
    assert yaml["candidates"] == []
    assert yaml["errors"][0] == {
        "line": 3,
        "column": 3,
        "path": "params.max_dept",
        "value": "3",
        "message": "DecisionTreeClassifier has no parameter 'max_dept'",
        "hint": "Did you mean 'max_depth'?",
    }
    assert [error["line"] for error in yaml["errors"]] == [3, 4]
    assert [error["path"] for error in json_["errors"]] == ["class"]


def test_check_of_a_file_that_is_not_there_is_a_mistake_of_that_file(run: Run) -> None:
    result = run("check", "--json", "configs/wine/gone.yaml", config(TREE))
    assert result.code == 1
    gone, good = result.json
    assert gone["errors"][0]["message"] == "there is no such file"
    assert good["ok"]


def test_folder_of_a_config_tells_whose_allow_list_counts(run: Run, home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    (home / "configs" / "beer").mkdir()
    forest = b"class: sklearn.ensemble.RandomForestClassifier\n"
    for name in ("wine", "beer"):
        (home / "configs" / name / "forest.yaml").write_bytes(forest)
    (home / "forest.yaml").write_bytes(forest)
    assert run("check", "configs/wine/forest.yaml").code == 0
    result = run("check", "configs/beer/forest.yaml")
    assert result.code == 1
    assert "is not allowed here" in result.out
    assert run("check", "forest.yaml", "--pipeline", "wine").code == 0
    result = run("check", "forest.yaml")
    assert result.code == 1
    assert "it lies in no watch folder" in result.out + result.err
    assert "--pipeline (wine, beer)" in result.out + result.err


def test_what_users_wrote_is_printed_as_they_wrote_it(run: Run, stocked: Project) -> None:
    path = config(b'class: ":warning: [red]x[/red]"\n')
    assert ":warning: [red]x[/red]" in run("check", path).out
    assert ":warning: [red]x[/red]" in run("check", "--json", path).json[0]["errors"][0]["message"]
    assert ":warning: [red]x[/red]" in run("train", path, "--pipeline", "wine").err
    store = Store.connect(stocked)
    store.tag(version_of(store, 1), {"config_file": "[red]:x:"})
    assert "[red]:x:" in run("versions", "wine").out


# generate


def test_generate_adds_and_then_keeps(run: Run, home: Path) -> None:
    assert run("generate", "--check").code == 1
    assert not (home / "dags_generated").exists()
    result = run("generate")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "wine: is new",
        "add dags_generated/wine.yaml",
        "add dags_generated/wine.py",
        "2 DAGs are added",
    ]
    assert run("generate", "--check") == Result(0, "dags_generated is what pipelines.yaml says\n", "")
    assert {step["action"] for step in run("generate", "--json").json} == {"keep"}


CHANGED = SPEC.replace("minimum: 0.8", "minimum: 0.7").replace("schedule: 1m", "schedule: '@hourly'")


def test_generate_check_names_the_stale_file_and_changes_nothing(run: Run, home: Path) -> None:
    run("generate")
    before = (home / "dags_generated" / "wine.yaml").read_text()
    (home / "pipelines.yaml").write_text(CHANGED)
    result = run("generate", "--check")
    assert result.code == 1
    assert "dags_generated/wine.yaml is stale (change)" in result.out
    assert "Run 'dropforge generate'." in result.out
    result = run("generate", "--check", "--json")
    assert result.code == 1
    words = ["promotion every 1 min -> hourly", "promote.minimum 0.8 -> 0.7"]
    assert result.json[0] == {
        "action": "change", "file": "dags_generated/wine.yaml", "edited": False, "changes": words,
    }  # fmt: skip
    assert (home / "dags_generated" / "wine.yaml").read_text() == before


def test_generate_diff_tells_in_words_and_lines_and_changes_nothing(run: Run, home: Path) -> None:
    run("generate")
    before = (home / "dags_generated" / "wine.yaml").read_text()
    (home / "pipelines.yaml").write_text(CHANGED + BEER)
    result = run("generate", "--diff")
    assert result.code == 0
    assert result.out.splitlines()[:6] == [
        "beer: is new",
        "wine: promotion every 1 min -> hourly; promote.minimum 0.8 -> 0.7",
        "change dags_generated/wine.yaml",
        "add dags_generated/beer.yaml",
        "add dags_generated/beer.py",
        "2 DAGs change, 2 are added",
    ]
    assert "--- a/dags_generated/wine.yaml\n+++ b/dags_generated/wine.yaml\n" in result.out
    assert "--- /dev/null\n+++ b/dags_generated/beer.py\n" in result.out
    changed = [line for line in result.out.splitlines() if line.startswith(("+ ", "- "))]
    assert any("0.8" in line for line in changed if line.startswith("-"))
    assert any("0.7" in line for line in changed if line.startswith("+"))
    assert (home / "dags_generated" / "wine.yaml").read_text() == before
    told = run("generate").out.splitlines()
    assert told == result.out.splitlines()[: len(told)]  # what was shown is what is done
    assert run("generate", "--diff").out == "dags_generated is what pipelines.yaml says\n"


def test_generate_removes_what_no_pipeline_asks_for_any_more_and_names_what_stays(run: Run, home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    run("generate")
    (home / "dags_generated" / "mine.py").write_text("# somebody's own\n")
    (home / "pipelines.yaml").write_text(SPEC)
    assert run("generate").out.splitlines() == [
        "beer: is removed; its versions and history stay: model 'beer' and experiment 'beer' in MLflow; "
        "its configs stay in configs/beer",
        "remove dags_generated/beer.py",
        "remove dags_generated/beer.yaml",
        "2 DAGs are removed",
    ]
    assert sorted(path.name for path in (home / "dags_generated").iterdir()) == ["mine.py", "wine.py", "wine.yaml"]


def test_generate_does_not_overwrite_what_somebody_edited(run: Run, home: Path) -> None:
    run("generate")
    file = home / "dags_generated" / "wine.yaml"
    edited = file.read_text().replace("retries: 8", "retries: 1")
    file.write_text(edited)
    result = run("generate")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("dags_generated/wine.yaml: this file was edited by hand, so it is not overwritten\n")
    assert "--force" in result.err
    assert file.read_text() == edited
    result = run("generate", "--check")
    assert result.code == 1
    assert "wine: wine.yaml was edited by hand" in result.out
    assert "-    retries: 1\n+    retries: 8\n" in run("generate", "--diff").out
    result = run("generate", "--force")
    assert result.code == 0
    assert "the edited wine.yaml is kept as .dropforge/edited/wine.yaml" in result.out
    assert (home / ".dropforge" / "edited" / "wine.yaml").read_text() == edited
    assert run("generate", "--check").code == 0


# schema, templates


def test_schema_is_printed_or_written_and_generate_keeps_it_up_to_date(run: Run, home: Path) -> None:
    assert run("schema", "spec").json["properties"]["pipelines"]["description"]
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    narrow = run("schema", "config", "--pipeline", "beer").out
    assert "sklearn.tree.DecisionTreeClassifier" in narrow
    assert "sklearn.svm.SVC" not in narrow
    result = run("schema", "spec", "--output", "schemas/spec.json", "--json")
    assert result.json == {"file": "schemas/spec.json"}
    run("generate")
    assert run("generate", "--check").code == 0
    for path in (home / "schemas").iterdir():
        path.write_text(path.read_text().replace("dropforge", "dropforge 0.0", 1))
    result = run("generate", "--check")
    assert result.code == 1
    assert "schemas: spec.json was edited by hand" not in result.out
    assert "schemas/spec.json is stale (change)" in result.out
    assert "schemas/config.json is stale (change)" in result.out
    assert run("generate").code == 0
    assert run("generate", "--check").code == 0
    assert run("schema", "spec", "--pipeline", "wine").code == 1


def test_templates_are_exported_once_and_a_mistake_in_one_has_its_line(run: Run, home: Path) -> None:
    result = run("templates", "export", "--json")
    assert [(step["action"], step["edited"]) for step in result.json] == [("add", False), ("add", False)]
    template = home / "templates" / "pipeline.yaml.j2"
    template.write_text(template.read_text().replace("\n  tasks:\n", "\n  taks:\n", 1))
    result = run("generate")
    line = template.read_text().split("\n  taks:\n")[0].split("_train:\n")[0].count("\n") + 2
    assert (result.code, result.out) == (1, "")
    assert f"{template}:{line}: what it renders has a DAG 'wine_train' without tasks" in result.err
    result = run("templates", "export")
    assert result.code == 1
    assert "templates/pipeline.yaml.j2: this template is not the packaged one" in result.err
    assert "kept as .dropforge/edited/pipeline.yaml.j2" in run("templates", "export", "--force").out
    assert run("generate").code == 0


# train, promote, versions


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


# estimators


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


def test_estimator_that_is_named_is_described_whatever_it_is(run: Run) -> None:
    assert run("estimators", "SVC").out.startswith("sklearn.svm.SVC (classifier)\n")
    assert run("estimators", "StandardScaler").out.startswith("sklearn.preprocessing.StandardScaler (transformer)\n")
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


# new


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


# The stack's commands, without a stack


def test_status_says_that_nothing_runs_and_ends_with_1(run: Run, home: Path) -> None:
    result = run("status")
    assert result.code == 1
    assert "the stack is down: 'dropforge up' starts it" in result.out
    assert "wine: not generated yet: is new\n    Run 'dropforge generate'.\n" in result.out
    run("generate")
    assert "dags_generated is what the spec says\n" in run("status").out
    told = run("status", "--json")
    assert told.code == 1
    assert told.json == {"running": False, "addresses": {}, "parts": {}, "drift": [], "mistakes": []}


def test_status_tells_a_changed_spec_an_edited_file_and_a_mistake(run: Run, home: Path) -> None:
    run("generate")
    (home / "pipelines.yaml").write_text(CHANGED)
    assert run("status", "--json").json["drift"] == [{
        "kind": "spec", "pipeline": "wine", "remedy": "Run 'dropforge generate'.",
        "message": "not generated yet: promotion every 1 min -> hourly; promote.minimum 0.8 -> 0.7",
    }]  # fmt: skip
    (home / "dags_generated" / "wine.py").write_text("# mine\n")
    (drift,) = run("status", "--json").json["drift"]
    assert drift["kind"] == "edited"
    assert "wine.py was edited by hand" in drift["message"]
    (home / "pipelines.yaml").write_text("version: 1\n")
    told = run("status", "--json").json
    assert told["drift"] == []
    assert "the key 'pipelines' is missing" in told["mistakes"][0]


def test_down_without_a_stack_says_so(run: Run) -> None:
    assert run("down") == Result(0, "no stack was up\n", "")


@pytest.mark.parametrize("command", ["serve", "up"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "example.com", ""])
def test_address_that_others_can_reach_is_refused(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, command: str, host: str
) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError(f"{command} starts on {host}")

    monkeypatch.setattr("dropforge.serving.run.serve", started)
    monkeypatch.setattr("dropforge.stack.supervisor.Supervisor.run", started)
    result = run(command, "--host", host)
    assert result.code == 1
    assert "can be reached from outside" in result.err
    assert "Use 127.0.0.1" in result.err
    assert not (home / ".dropforge").exists()


# serve


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the model server is started with."""
    started: list[Any] = []
    monkeypatch.setattr("dropforge.serving.run.serve", lambda *arguments: started.append(arguments))
    return started


def names(pipelines: Callable[[], Any]) -> list[str]:
    return [pipeline.name for pipeline in pipelines()]


def test_serve_takes_what_was_generated_and_takes_a_new_generation_up(run: Run, home: Path, serving: list[Any]) -> None:
    run("generate")
    (home / "pipelines.yaml").write_text("a typo: [")
    assert run("serve", "--port", "7").code == 0
    ((project, pipelines, host, port),) = serving
    assert (project.home, host, port) == (home, "127.0.0.1", 7)
    assert names(pipelines) == ["wine"]
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    assert names(pipelines) == ["wine"]
    run("generate")
    assert names(pipelines) == ["beer", "wine"]


def test_serve_takes_the_spec_where_nothing_was_generated(run: Run, home: Path, serving: list[Any]) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    assert run("serve").code == 0
    assert names(serving[0][1]) == ["wine", "beer"]


def test_serve_with_names_serves_only_those(run: Run, home: Path, serving: list[Any]) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    run("generate")
    assert run("serve", "beer").code == 0
    assert names(serving[0][1]) == ["beer"]
    (home / "pipelines.yaml").write_text(SPEC)
    run("generate")
    assert names(serving[0][1]) == []
    result = run("serve", "beer")
    assert result.code == 1
    assert "there is no pipeline 'beer'" in result.err
    assert len(serving) == 1


def test_serve_of_a_pipeline_that_is_not_hosted_is_a_mistake_only_if_it_is_named(
    run: Run, home: Path, serving: list[Any]
) -> None:
    (home / "pipelines.yaml").write_text(SPEC + "    host: {enabled: false}\n")
    for _ in ("by the spec", "by what was generated"):
        result = run("serve", "wine")
        assert (result.code, result.out) == (1, "")
        assert "the pipeline 'wine' is not hosted" in result.err
        assert "host.enabled" in result.err
        run("generate")
    assert serving == []
    assert run("serve").code == 0
    assert len(serving) == 1
