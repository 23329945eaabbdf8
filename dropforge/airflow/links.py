"""Links from tasks to the pages of MLflow, made when somebody looks at a task: they cost the task nothing.

They run in Airflow's API server, and read there what the task left as its result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from dropforge.airflow.operators import TrainOperator, VersionOperator

# How people's browsers reach MLflow, where that is not how the tasks do.
ADDRESS = "DROPFORGE_MLFLOW_PAGES"


def mlflow_page(path: str) -> str:
    """Return the address of a page of MLflow's; empty where it has none that a browser could open."""
    address = os.environ.get(ADDRESS) or os.environ.get("MLFLOW_TRACKING_URI", "")
    return f"{address.rstrip('/')}/#/{path}" if address.startswith(("http://", "https://")) else ""


class MlflowRun(BaseOperatorLink):
    """From a task that trains to the run of its candidate in MLflow, or to its candidates' runs side by side."""

    name = "MLflow run"
    operators: ClassVar = [TrainOperator]

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address, or an empty text where nothing was trained."""
        return _page(ti_key, _runs)


class ModelPage(BaseOperatorLink):
    """From the tasks that judge versions to the model's page in MLflow; from a mapped one to its version's."""

    name = "Model in MLflow"
    operators: ClassVar = [VersionOperator]

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address, or an empty text where nothing was judged."""
        return _page(ti_key, _versions)


def _runs(result: str, pipeline: str) -> str | None:
    outcomes = [outcome for outcome in json.loads(result) if outcome.get("run_id")]
    runs = [outcome["run_id"] for outcome in outcomes]
    if len(runs) == 1:
        return f"runs/{runs[0]}"
    # MLflow's page wants to know where it finds the runs; a candidate that was known before does not say.
    places = sorted({outcome["experiment_id"] for outcome in outcomes if outcome["experiment_id"]})
    if runs and places:
        return f"compare-runs?runs={quote(json.dumps(runs))}&experiments={quote(json.dumps(places))}"
    return f"models/{pipeline}" if runs else None


def _versions(result: Mapping[str, Any], pipeline: str) -> str:
    version = result.get("version") if "reasons" in result else None
    return f"models/{pipeline}/versions/{version}" if version else f"models/{pipeline}"


def _page(ti_key: Any, path: Callable[[Any, str], str | None]) -> str:
    """Return the page that a task's result leads to; none without one, or where it is kept elsewhere."""
    result = _result(ti_key)
    try:
        found = path(result, str(ti_key.dag_id).rpartition("_")[0]) if result else None
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
