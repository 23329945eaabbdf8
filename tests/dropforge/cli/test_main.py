"""The command line as a whole: help, usage, and mistakes as messages."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import mlflow
import pytest
import typer
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

from dropforge.cli.common import mlflow_explained
from dropforge.cli.main import app, main
from tests.dropforge.cli.commands import BAD, SPEC, Run, config

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


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


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").out == f"dropforge {version('dropforge')}\n"


def test_import_of_the_command_line_is_quick() -> None:
    heavy = "{'sklearn', 'mlflow', 'airflow', 'pandas', 'numpy', 'fastapi'}"
    code = f"import sys, dropforge.cli.main; print({heavy} & {{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert result.stdout.strip() == "set()"


def test_mistake_in_the_spec_is_a_message_with_file_line_and_remedy(home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC.replace("metric: f1_macro", "metrik: f1_macro"))
    command = [sys.executable, "-m", "dropforge.cli.main", "check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
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
        (["check", "--spec", "gone.yaml"], ["gone.yaml: there is no such file", "'dropforge init' begins a project"]),
    ],
)
def test_mistake_of_the_user_is_a_message(run: Run, arguments: list[str], words: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 1
    assert result.out == ""
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


@pytest.mark.parametrize(
    ("in_the_way", "arguments", "place"),
    [
        ("x/", ["schema", "spec", "--output", "x"], "x"),
        ("x", ["schema", "spec", "--output", "x/spec.json"], "x"),
        ("x", ["schema", "spec", "--output", "x/y/spec.json"], "x"),
        ("x", ["templates", "export", "x"], "x"),
        ("x/pipeline.yaml.j2/", ["templates", "export", "x"], "x/pipeline.yaml.j2"),
        ("dags_generated", ["generate"], "dags_generated"),
        ("dags_generated/wine.yaml/", ["generate"], "dags_generated/wine.yaml"),
        (".dropforge", ["versions", "wine"], ".dropforge"),
    ],
)
def test_what_is_in_the_way_is_a_message(
    run: Run, home: Path, in_the_way: str, arguments: list[str], place: str
) -> None:
    path = home / in_the_way
    path.parent.mkdir(exist_ok=True)
    if in_the_way.endswith("/"):
        path.mkdir()
    else:
        path.touch()
    result = run(*arguments)
    assert result.code == 1
    message, remedy = result.err.splitlines()
    assert f"{place}: a f" in message
    assert "is in the way" in message
    assert remedy.strip().startswith("Move it away, or name another place")


def test_an_mlflow_that_does_not_answer_is_a_message(run: Run, away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", away.replace("//", "//me:secret@"))
    result = run("versions", "wine")
    assert result.code == 1
    message, remedy = result.err.splitlines()
    assert message == f"MLflow at {away} does not answer as it should: [Errno 111] Connection refused"
    assert "MLFLOW_TRACKING_URI" in remedy


@pytest.mark.parametrize(
    ("address", "code"),
    [("http://127.0.0.1:9", INVALID_PARAMETER_VALUE), ("sqlite:///mlflow.db", INTERNAL_ERROR)],
    ids=["refused", "embedded"],
)
def test_what_mlflow_refuses_and_what_the_embedded_one_raises_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, address: str, code: int
) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: address)
    with pytest.raises(MlflowException), mlflow_explained():
        raise MlflowException("no", code)


def test_command_that_was_wrong_leaves_no_state_behind(run: Run, home: Path) -> None:
    run("promote", "wien")
    run("train", "gone.yaml", "--pipeline", "wine")
    assert not (home / ".dropforge").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_is_no_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    name = os.fsdecode(b"configs/wine/n\xc3\xa4me\xe4.yaml")  # a name that is no text, as an old disk has it
    Path(name).write_text("class: SVC\nname: '\u6f22\u5b57'\nkernell: 1  # \u6f22\n", encoding="utf-8")
    for more in ([], ["--json"]):
        shown = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding=encoding))
        monkeypatch.setattr(sys, "argv", ["dropforge", "check", name, *more])
        with pytest.raises(SystemExit) as end:
            main()
        sys.stdout.flush()
        text = shown.getvalue().decode(encoding)
        assert end.value.code == 1
        assert "Did you mean 'kernel'?" in text
        assert not more or not json.loads(text)[0]["ok"]
