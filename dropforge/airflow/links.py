"""Links from tasks to the pages of MLflow, made when somebody looks at a task: they cost the task nothing.

They run in Airflow's API server, and read there what the task left as its result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

# How people's browsers reach MLflow, where that is not how the tasks do.
ADDRESS = "DROPFORGE_MLFLOW_PAGES"


def mlflow_page(path: str) -> str:
    """Return the address of a page of MLflow's; empty where it has none that a browser could open."""
    address = os.environ.get(ADDRESS) or os.environ.get("MLFLOW_TRACKING_URI", "")
    return f"{address.rstrip('/')}/#/{path}" if address.startswith(("http://", "https://")) else ""


class MlflowRun(BaseOperatorLink):
    """From a task ``train`` to the run of its candidate in MLflow, or to its candidates' runs side by side."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address, or an empty text where nothing was trained."""
        if not _is(ti_key, "train", "train"):
            return ""
        return _page(ti_key, _runs)


class ModelPage(BaseOperatorLink):
    """From the tasks that judge versions to the model's page in MLflow; from ``validate`` to its version's."""

    name = "Model in MLflow"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address, or an empty text where there is no model yet."""
        if _is(ti_key, "promote", "validate"):
            return _page(ti_key, lambda result: f"models/{_pipeline(ti_key)}/versions/{result['version']}")
        if _is(ti_key, "promote", "promote", "prove"):
            return _page(ti_key, lambda _: f"models/{_pipeline(ti_key)}")
        return ""


def _is(ti_key: Any, dag: str, *tasks: str) -> bool:
    return ti_key.dag_id.endswith(f"_{dag}") and ti_key.task_id in tasks


def _pipeline(ti_key: Any) -> str:
    return str(ti_key.dag_id).rpartition("_")[0]


def _runs(result: str) -> str | None:
    runs = [outcome["run_id"] for outcome in json.loads(result) if outcome.get("run_id")]
    if len(runs) > 1:
        return f"compare-runs?runs={quote(json.dumps(runs))}&experiments=[]"
    return f"runs/{runs[0]}" if runs else None


def _page(ti_key: Any, path: Callable[[Any], str | None]) -> str:
    """Return the page that a task's result leads to; none for a result that is not one of ours."""
    try:
        found = path(_result(ti_key))
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""
    return mlflow_page(found) if found else ""


def _result(ti_key: Any) -> Any:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        asked = XComModel.get_many(
            run_id=ti_key.run_id,
            key="return_value",
            dag_ids=ti_key.dag_id,
            task_ids=ti_key.task_id,
            map_indexes=ti_key.map_index,
        )
        return session.scalar(asked.with_only_columns(XComModel.value))
