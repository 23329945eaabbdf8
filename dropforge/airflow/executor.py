"""A local executor whose workers are warm: they inherit the imported libraries by fork.

Each Airflow task is a fresh process, and importing scikit-learn and MLflow takes it seconds. Here the parent imports
them once. It imports and never calls: no fit, no client, no connection and no thread may exist before the fork.
"""

from __future__ import annotations

import importlib
import logging

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)

LIBRARIES = (
    "airflow.providers.standard.decorators.python",
    "dagfactory",
    "dropforge.airflow.tasks",
    "dropforge.airflow.trigger",
    "dropforge.data",
    "dropforge.promotion",
    "dropforge.training.evaluate",
    "dropforge.training.fit",
    "dropforge.training.log",
    "dropforge.training.train",
    "git",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "mlflow.sklearn",
    "mlflow.store.artifact.local_artifact_repo",
    "mlflow.store.tracking.rest_store",
    "mlflow.tracing.processor.otel",
    "mlflow.tracking.request_header.registry",
    "narwhals.stable.v2",
    "pyarrow.pandas_compat",
    "skops.io",
    "sklearn.ensemble",
)


class WarmLocalExecutor(LocalExecutor):
    """Airflow's LocalExecutor with the libraries of our tasks imported before it forks."""

    def start(self) -> None:
        """Import, then start the workers."""
        for library in LIBRARIES:
            importlib.import_module(library)
        from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

        from dropforge.estimators.registry import registry, trusted_types

        registry()  # imports every module of scikit-learn that holds an estimator
        trusted_types()
        # MLflow looks through all installed packages at a process' first model; here it is done once for all.
        warn_dependency_requirement_mismatches(["mlflow"])
        super().start()
