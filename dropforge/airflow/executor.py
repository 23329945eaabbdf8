"""A local executor whose workers are warm: they inherit the imported libraries by fork.

Each Airflow task is a fresh process, and importing scikit-learn and MLflow takes it seconds. Here the parent imports
them once. It imports and never calls: no fit, no client, no connection and no thread may exist before the fork.
"""

from __future__ import annotations

import fcntl
import importlib
import logging
import tempfile

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)

# What a first candidate would import otherwise: a test sees that none is missing.
LIBRARIES = (
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PpmImagePlugin",
    "airflow.providers.standard.decorators.python",
    "dagfactory",
    "dropforge.airflow.plugin",
    "dropforge.airflow.tasks",
    "dropforge.airflow.trigger",
    "dropforge.data",
    "dropforge.promotion",
    "dropforge.registry.quick",
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
    "mlflow.tracing.export.utils",
    "mlflow.tracing.processor.base_mlflow",
    "mlflow.tracing.processor.otel",
    "mlflow.tracking.request_header.registry",
    "narwhals._interchange.dataframe",
    "narwhals._pandas_like.dataframe",
    "narwhals._pandas_like.namespace",
    "narwhals.stable.v2._namespace",
    "netrc",
    "pandas.core.methods.to_dict",
    "pyarrow.pandas_compat",
    "pyarrow.vendored.version",
    "skops.io",
    "sklearn.ensemble",
)


def warm_up() -> None:
    """Import what tasks need."""
    for library in LIBRARIES:
        importlib.import_module(library)
    from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

    from dropforge.estimators import registry
    from dropforge.estimators.trusted import trusted_types

    registry()  # imports every module of scikit-learn that holds an estimator
    trusted_types()
    # MLflow looks through all installed packages at a process' first model; here it is done once for all.
    warn_dependency_requirement_mismatches(["mlflow"])


class WarmLocalExecutor(LocalExecutor):
    """Airflow's LocalExecutor with the libraries of our tasks imported before it forks."""

    def start(self) -> None:
        """Import, then start the workers."""
        warm_up()
        super().start()

    def _spawn_workers_with_gc_freeze(self, spawn_number: int) -> None:
        """Give the queues locks that are not lost with their holders, before the workers inherit them."""
        for queue in (self.activity_queue, self.result_queue):
            if not isinstance(queue._rlock, KernelLock):
                queue._rlock, queue._wlock = KernelLock(), KernelLock()
        super()._spawn_workers_with_gc_freeze(spawn_number)


class KernelLock:
    """A lock between processes that the kernel takes back from one that dies.

    Those of `multiprocessing` are semaphores: the idle worker that waits at the queue holds one, and if it is killed
    (when memory runs out, say) nobody gets any work again until the scheduler is started anew.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the lock

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
