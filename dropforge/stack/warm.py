"""Start a part of Airflow in the way that costs least: what is imported when, how often memory is looked through.

``python -m dropforge.stack.warm PART OPTION...``, as ``airflow PART OPTION...``.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import yaml
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import now

from dropforge.stack.environment import collect_rarely

# skops asks all modules that there are for each function of scipy. Before Airflow's it takes a third of the time, and
# the executor's workers need it.
BEFORE = {"scheduler": ("skops.io",)}
# What the generated files name: the processor reads each in a fork of itself, every few seconds, and the fork inherits
# what is imported here. Otherwise each imports it anew, which takes several times as long as reading the file.
AFTER = {
    "dag-processor": (
        "airflow.providers.standard.decorators.python",
        "dagfactory",
        "dropforge.airflow.notify",
        "dropforge.airflow.operators",
        "dropforge.airflow.tasks",
        "dropforge.airflow.trigger",
    )
}


@compiles(now, "sqlite")
def _now(*_: Any, **__: Any) -> str:
    """Return what asks SQLite for the time: in milliseconds, and written as Airflow's own times are.

    Airflow starts a run whose time has come. SQLite's CURRENT_TIMESTAMP leaves out the fraction, and so each run waited
    for the next full second.
    """
    return "strftime('%Y-%m-%d %H:%M:%f', 'now')"


def main() -> None:
    """Import, and become the part."""
    collect_rarely()
    # What dag-factory reads a file with, and writes it with once more (it may stand in a DAG's documentation): in C, as
    # each task does both, and in Python that is three quarters of it.
    if yaml.__with_libyaml__:
        yaml.FullLoader = yaml.CFullLoader  # type: ignore[misc, assignment]
        yaml.dump.__defaults__ = (None, yaml.CDumper)
    part = sys.argv[1]
    for library in BEFORE.get(part, ()):
        importlib.import_module(library)
    airflow = importlib.import_module("airflow.__main__")
    for library in AFTER.get(part, ()):
        importlib.import_module(library)
    if part == "triggerer":
        from airflow.jobs import triggerer_job_runner

        from dropforge.stack.runner import PromptRunner

        triggerer_job_runner.TriggerRunner = PromptRunner
    sys.argv[0] = "airflow"
    airflow.main()


if __name__ == "__main__":
    main()
