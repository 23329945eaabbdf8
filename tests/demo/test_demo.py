"""`make demo` shows what it says, leaves nothing running, and changes nothing in the checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def git_status():
    return subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607


@pytest.mark.stack
def test_the_demo_shows_the_whole_loop_and_leaves_nothing():
    before = git_status()
    done = subprocess.run(  # noqa: S603
        [sys.executable, ROOT / "demo" / "run.py"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "no champion yet, so the server answers 503",
        "adaboost.yaml, decision_tree.yml, gradient_boosting.json, logistic_regression.yaml, random_forest.json",
        "Did you mean 'n_estimators'?",
        "Production (champion)",
        "a prediction over HTTP: [0, 1, 2, 3, 4]",
        "without a restart",
        "none failed",
        "no process is left",
    ):
        assert said in done.stdout, done.stdout
    assert git_status() == before
