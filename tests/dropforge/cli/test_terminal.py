"""Colours and bars are for terminals: the real command runs at the end of a pseudo-terminal, and of a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a process for each look, and most of them import scikit-learn

ESCAPE = "\x1b["
RED = "\x1b[31m"
SPEC = "version: 1\npipelines:\n  wine: {data: {source: sklearn.datasets.load_wine, target: target}}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pipelines.yaml").write_text(SPEC)
    folder = tmp_path / "configs" / "wine"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"tree{number}.yaml").write_text("class: sklearn.tree.DecisionTreeClassifier\n")
    return tmp_path


def environment(**variables: str) -> dict[str, str]:
    mine = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")}
    return mine | {"TERM": "xterm-256color"} | variables


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dropforge.cli.main", *arguments]


def on_a_terminal(home: Path, *arguments: str, **variables: str) -> str:
    """Return all that a terminal receives."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603
        command(*arguments), cwd=home, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    received = b""
    try:
        while chunk := os.read(ours, 4096):
            received += chunk
    except OSError:  # so a terminal ends
        pass
    finally:
        os.close(ours)
    process.wait()
    return received.decode()


def in_a_pipe(home: Path, *arguments: str) -> str:
    """Return all that a pipe receives."""
    done = subprocess.run(  # noqa: S603
        command(*arguments), cwd=home, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    return done.stdout


def test_a_bar_on_a_terminal_and_nowhere_else(home: Path) -> None:
    seen = on_a_terminal(home, "check", "configs")
    assert "checking" in seen
    assert "3/3" in seen
    assert "configs/wine/tree2.yaml: 1 candidate(s)" in seen
    for plain in (in_a_pipe(home, "check", "configs"), on_a_terminal(home, "check", "configs", "--json")):
        assert "checking" not in plain
        assert ESCAPE not in plain
    # One file needs no bar.
    assert "checking" not in on_a_terminal(home, "check", "configs/wine/tree0.yaml")


def test_mistakes_are_red_on_a_terminal_that_wants_colours(home: Path) -> None:
    wrong = ("generate", "--spec", "gone.yaml")
    assert RED in on_a_terminal(home, *wrong)
    assert ESCAPE not in on_a_terminal(home, *wrong, NO_COLOR="1")
    assert ESCAPE not in on_a_terminal(home, *wrong, TERM="dumb")
    said = in_a_pipe(home, *wrong)
    assert "gone.yaml: there is no such file" in said
    assert ESCAPE not in said


def test_training_shows_how_far_it_is(home: Path) -> None:
    grid = "class: sklearn.tree.DecisionTreeClassifier\ngrid: {max_depth: [2, 3]}\n"
    (home / "grid.yaml").write_text(grid)
    seen = on_a_terminal(home, "train", "grid.yaml", "--pipeline", "wine")
    assert "training" in seen
    assert "2/2" in seen
    assert "version 2" in seen


def test_line_with_a_mistake_is_cut_to_the_terminal_and_not_in_a_pipe(home: Path) -> None:
    line = f"{{class: SVC, params: {{class_weight: {{{', '.join(f'{n}: 1.0' for n in range(5))}}}, kernell: 1}}}}"
    (home / "long.yaml").write_text(f"{line}\n")
    for columns in (60, 100):
        seen = on_a_terminal(home, "check", "long.yaml", COLUMNS=str(columns)).splitlines()
        (at,) = (number for number, text in enumerate(seen) if "1 | " in text)
        assert len(seen[at]) <= columns
        assert seen[at].index("kernell") == seen[at + 1].index("^^^^^^^")
    assert f"1 | {line}" in in_a_pipe(home, "check", "long.yaml")
