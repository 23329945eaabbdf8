"""The hooks for pre-commit name commands that there are, and the files that concern them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from dropforge.cli.main import app

ROOT = Path(__file__).parent.parent
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_hook_runs_a_command_that_there_is(hook):
    program, name, *options = shlex.split(hook["entry"])
    assert program == "dropforge"
    assert set(options) <= {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"id", "name", "description", "entry", "language", "files"} <= set(hook)


@pytest.mark.parametrize(
    ("hook", "path", "concerned"),
    [
        ("dropforge-generate", "pipelines.yaml", True),
        ("dropforge-generate", "pipelines.d/wine.yaml", True),
        ("dropforge-generate", "templates/pipeline.yaml.j2", True),
        ("dropforge-generate", "dags_generated/wine.py", True),
        ("dropforge-generate", "docs/pipelines.yaml", False),
        ("dropforge-check", "configs/wine/forest.yaml", True),
        ("dropforge-check", "configs/wine/forest.json", True),
        ("dropforge-check", "configs/wine/done/forest.yaml", False),
        ("dropforge-check", "configs/wine/rejected/forest.yaml.error.txt", False),
    ],
)
def test_a_hook_runs_for_the_files_that_concern_it(hook, path, concerned):
    assert bool(re.search(HOOKS[hook]["files"], path)) == concerned


@pytest.mark.slow
def test_the_first_hook_stops_a_stale_project_and_lets_a_generated_one_through(tmp_path):
    (tmp_path / "pipelines.yaml").write_bytes((ROOT / "pipelines.yaml").read_bytes())

    def run(*arguments):
        command = [sys.executable, "-m", "dropforge.cli.main", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode  # noqa: S603

    _, *hook = shlex.split(HOOKS["dropforge-generate"]["entry"])
    assert run(*hook) == 1
    assert run("generate") == 0
    assert run(*hook) == 0
