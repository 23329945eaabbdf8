"""Every command, whatever is added: help with an example, its place in the reference, JSON, and wrong usage."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.commands import paragraphs, walk
from docs.made import FOLDER, pages
from dropforge.cli.main import main

COMMANDS = dict(walk())

# Commands that print no results, each with what they do instead.
WITHOUT_JSON = {
    "dropforge new": "prints a config",
    "dropforge up": "runs until it is ended",
    "dropforge down": "ends the stack, and says so",
    "dropforge serve": "runs until it is ended",
}

# These do without a spec.
WITHOUT_SPEC = {f"dropforge {name}" for name in ("convert", "down", "estimators", "init", "new", "schema", "templates")}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line as its entry does, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


def examples(command: Any) -> list[str]:
    return [part.removeprefix("Example: ") for part in paragraphs(command) if part.startswith("Example: ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_does_with_an_example(name: str) -> None:
    command = COMMANDS[name]
    summary, *_ = paragraphs(command)
    assert summary.endswith("."), summary
    assert examples(command), f"{name} --help has no paragraph 'Example: {name} ...'"
    for example in examples(command):
        words = shlex.split(example.split(" > ")[0])
        assert example.startswith(name)
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= options(command), example
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name} has no help"


def test_no_summary_is_cut_in_the_list_of_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, "--help") == 0
    said = capsys.readouterr().out
    assert "..." not in said.partition("Commands:")[2]
    assert "Exit codes: 0" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_results_can_be_had_as_json(name: str) -> None:
    command = COMMANDS[name]
    if name in WITHOUT_JSON:
        assert "--json" not in options(command)
        return
    assert "--json" in options(command), f"{name} has no --json; if it prints no result, say so in WITHOUT_JSON"
    shapes = [part for part in paragraphs(command) if part.startswith("--json ")]
    assert shapes, f"{name} --help does not say what --json prints: a paragraph '--json prints ...'"
    assert re.search(r"[{\[]", shapes[0])


def test_the_exceptions_are_there() -> None:
    assert set(WITHOUT_JSON) | WITHOUT_SPEC <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_it(name: str) -> None:
    page = (FOLDER / "reference" / "commands.md").read_text(encoding="utf-8")
    assert f"\n## {name}\n" in page, "run 'make docs'"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_what_is_made_of_the_code_is_up_to_date(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == pages()[page], "run 'make docs'"


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_usage_ends_with_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = name.split()[1:]
    wrong = [[*words, "--nonsense"]]
    required = [p for p in COMMANDS[name].params if p.required]
    if required:
        wrong.append(words)  # what it needs is not there
    if not any(p.param_type_name == "argument" and p.nargs == -1 for p in COMMANDS[name].params):
        wrong.append([*words, *["word"] * 5])
    for arguments in wrong:
        assert run(monkeypatch, *arguments) == 2, arguments
        said = capsys.readouterr()
        assert "Usage: dropforge" in said.err
        assert said.out == ""
        assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_SPEC))
def test_a_spec_that_is_not_there_is_a_message_and_1(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [*name.split()[1:]]
    for parameter in COMMANDS[name].params:
        if parameter.required:
            arguments += ["word"] if parameter.param_type_name == "argument" else [parameter.opts[0], "word"]
    assert run(monkeypatch, *arguments) == 1
    said = capsys.readouterr()
    assert "pipelines.yaml: there is no such file" in said.err + said.out
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_command_it_shows_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 2
    assert "Commands:" in "".join(capsys.readouterr())


def test_the_import_of_the_command_line_is_light() -> None:
    # Each costs tenths of a second and more; benchmarks/generate.py measures the whole.
    heavy = "{'sklearn', 'mlflow', 'airflow', 'pandas', 'numpy', 'fastapi', 'rich.progress'}"
    code = f"import sys, dropforge.cli.main; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "set()"
