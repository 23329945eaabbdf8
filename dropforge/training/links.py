"""Tags that lead from a run to where it came from: the commit, the spec's state, the run in Airflow."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

from dropforge.settings import Pipeline


def links(home: Path, pipeline: Pipeline) -> dict[str, str]:
    """Return tags for MLflow's run; those that are not known are left out.

    Parameters
    ----------
    home : pathlib.Path
        The project's folder.
    pipeline : Pipeline
        The settings.
    """
    found = {
        "mlflow.source.git.commit": _commit(home),
        "spec_digest": pipeline.digest,
        "airflow_run": os.environ.get("AIRFLOW_CTX_DAG_RUN_ID", ""),
        "airflow_link": _airflow_page(),
    }
    return {name: value for name, value in found.items() if value}


def _airflow_page() -> str:
    """Return the address of the run that this process works for, as Airflow's own settings and context say it."""
    base = os.environ.get("AIRFLOW__API__BASE_URL", "").rstrip("/")
    dag, run = (os.environ.get(f"AIRFLOW_CTX_{name}", "") for name in ("DAG_ID", "DAG_RUN_ID"))
    return f"{base}/dags/{quote(dag)}/runs/{quote(run)}" if base and dag and run else ""


@functools.lru_cache(maxsize=8)
def _commit(home: Path) -> str:
    """Return the commit that a project's folder is at; empty where git does not know it."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whatever git the user has
            cwd=home,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
