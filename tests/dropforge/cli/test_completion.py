"""Tab in a shell: the real command is asked as bash, zsh and fish ask it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DROPFORGE = Path(sys.executable).with_name("dropforge")
SPEC = """\
version: 1
pipelines:
  wine: {data: {source: sklearn.datasets.load_wine, target: target}}
  whisky: {data: {source: whisky.csv, target: region}}
  beer: {data: {source: beer.csv, target: style}}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pipelines.yaml").write_text(SPEC)
    return tmp_path


def ask(home: Path, **variables: str) -> list[str]:
    """Return the lines that the command answers a shell with."""
    done = subprocess.run(  # noqa: S603
        [DROPFORGE], cwd=home, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def bash(home: Path, *words: str) -> list[str]:
    """Return what bash would propose for the last word."""
    line = {"COMP_WORDS": " ".join(["dropforge", *words]), "COMP_CWORD": str(len(words))}
    return ask(home, _DROPFORGE_COMPLETE="complete_bash", **line)


def test_commands_and_options(home: Path) -> None:
    assert bash(home, "pro") == ["promote"]
    assert bash(home, "generate", "--di") == ["--diff"]


@pytest.mark.slow
def test_pipelines_of_the_spec(home: Path) -> None:
    assert bash(home, "promote", "w") == ["wine", "whisky"]
    assert bash(home, "serve", "wine", "w") == ["whisky"]
    elsewhere = home / "elsewhere.yaml"
    elsewhere.write_text(SPEC.replace("wine:", "water:"))
    assert bash(home, "train", "--spec", "elsewhere.yaml", "--pipeline", "w") == ["water", "whisky"]


def test_a_spec_with_a_mistake_proposes_nothing_and_says_nothing(home: Path) -> None:
    (home / "pipelines.yaml").write_text("version: 1\npipelines: [\n")
    assert "".join(bash(home, "promote", "w")) == ""


@pytest.mark.slow  # imports scikit-learn
def test_estimators_by_name_and_by_path(home: Path) -> None:
    assert bash(home, "new", "RandomForest") == ["RandomForestClassifier", "RandomForestRegressor"]
    assert bash(home, "estimators", "sklearn.tree.Decision") == [
        "sklearn.tree.DecisionTreeClassifier",
        "sklearn.tree.DecisionTreeRegressor",
    ]


def test_other_shells_get_what_each_word_means(home: Path) -> None:
    (zsh,) = ask(home, _DROPFORGE_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="dropforge stat")
    assert "status" in zsh
    fish = {"_TYPER_COMPLETE_ARGS": "dropforge stat", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert ask(home, _DROPFORGE_COMPLETE="complete_fish", **fish)[0].startswith("status")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_given_a_script_that_asks(home: Path, shell: str) -> None:
    assert any("_DROPFORGE_COMPLETE" in line for line in ask(home, _DROPFORGE_COMPLETE=f"source_{shell}"))
