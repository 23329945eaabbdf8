"""Start Airflow's DAG processor warm: it reads each generated file in a fork of itself, every few seconds.

``python -m dropforge.stack.processor``. A fork inherits what is imported here; otherwise each imports dag-factory and
our tasks anew, which takes several times as long as reading the file.
"""

from __future__ import annotations

import importlib
import sys

from airflow.__main__ import main as airflow

# What the generated files name: a test sees that none is missing.
LIBRARIES = (
    "airflow.providers.standard.decorators.python",
    "dagfactory",
    "dropforge.airflow.notify",
    "dropforge.airflow.operators",
    "dropforge.airflow.tasks",
    "dropforge.airflow.trigger",
)


def main() -> None:
    """Import, and become the processor."""
    for library in LIBRARIES:
        importlib.import_module(library)
    sys.argv = ["airflow", "dag-processor"]
    airflow()


if __name__ == "__main__":
    main()
