"""The warm executor: what its workers inherit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dropforge.project import Project

pytestmark = pytest.mark.slow

# In a process of its own: this one has imported what other tests need. An estimator of each kind of fit is enough.
FIRST_CANDIDATE = """
import sys
from dropforge.airflow.executor import warm_up
from dropforge.project import Project

warm_up()
inherited = set(sys.modules)
from tests.dropforge.wine import FOREST, WINE, train_config
from dropforge.data import load
from dropforge.training import train as module
from dropforge.training.apart import Apart

serve = Apart.run
def run(self, *arguments):
    function = self.function
    def tell(*arguments):
        outcome = function(*arguments)
        print("IMPORTED", *sorted(set(sys.modules) - inherited))
        return outcome
    self.function = tell
    return serve(self, *arguments)
Apart.run = run

project = Project(__import__("pathlib").Path(sys.argv[1]))
assert train_config(FOREST, load(WINE.data, project.home), project).status == "trained"
"""
# Whose modules a first candidate needs wherever MLflow is; others are those of the store without a server.
WATCHED = ("PIL", "matplotlib", "narwhals", "numpy", "pandas", "pyarrow", "scipy", "skops", "sklearn", "dropforge")


def test_first_candidate_of_a_worker_imports_nothing_more(project: Project) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-c", FIRST_CANDIDATE, str(project.home)],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED")]
    assert [name for name in line.split()[1:] if name.partition(".")[0] in WATCHED] == []
