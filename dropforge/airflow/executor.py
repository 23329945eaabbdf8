"""A local executor whose workers are warm: they inherit the imported libraries by fork.

Each Airflow task is a fresh process, and importing scikit-learn and MLflow takes it seconds. Here the parent imports
them once, and lays out the plots. No fit, no connection and no thread may exist before the fork.
"""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import tempfile
import time
from multiprocessing import SimpleQueue
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from airflow.executors.local_executor import LocalExecutor
from airflow.utils.state import TaskInstanceState

if TYPE_CHECKING:
    from airflow.executors.workloads.types import WorkloadKey

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
    "dropforge.registry.scheme",
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
_NOWHERE = "http://127.0.0.1:9"

# How long a scheduler with nothing to do waits for workers (seconds). A look at the database takes it 15 to 30 ms of a
# core. What comes from elsewhere, a new run above all, comes mostly soon after a task. While no worker is free nothing
# could be begun, and Airflow logs each look.
IDLE_SECONDS = 0.25
SOON_SECONDS = 0.1
FULL_SECONDS = 1.0
_LATELY = 1.0


def warm_up() -> None:
    """Import what tasks need, and lay out what they draw on."""
    for library in LIBRARIES:
        importlib.import_module(library)
    from sklearn.utils import check_array

    from dropforge.estimators import registry
    from dropforge.estimators.trusted import trusted_types
    from dropforge.registry import Store
    from dropforge.training.artifact import PINS, environment_of
    from dropforge.training.figures import lay_out

    registry()  # imports every module of scikit-learn that holds an estimator
    trusted_types(())
    # All installed packages are looked through: for what a model is loaded with, and for plugins of narwhals.
    environment_of(PINS)
    check_array([[0.0]])
    # And for the stores that other packages bring; no connection is made.
    Store(_NOWHERE).registry  # noqa: B018 - made when it is first asked for
    lay_out()


class WarmLocalExecutor(LocalExecutor):
    """Airflow's LocalExecutor with the libraries of our tasks imported before it forks.

    It also sees at once that a worker was killed with a task in its hands, and has the task tried again: Airflow would
    wait until its heartbeats are missed. And where there is nothing to do, it waits for its workers, so that what
    follows a task begins when that ends: Airflow's scheduler would sleep (`scheduler_idle_sleep_time`, here 0).
    """

    activity_queue: Any

    def start(self) -> None:
        """Import, then start the workers."""
        warm_up()
        self.taken: Any = SimpleQueue()  # of workers and keys
        self._at: dict[int, WorkloadKey] = {}
        self._active, self._handed_over = time.monotonic(), False
        super().start()

    def _spawn_workers_with_gc_freeze(self, spawn_number: int) -> None:
        """Give the queues locks that are not lost with their holders, before the workers inherit them."""
        if not isinstance(self.activity_queue, ToldQueue):
            for queue in (self.activity_queue, self.result_queue, self.taken):
                queue._rlock, queue._wlock = KernelLock(), KernelLock()
            self.activity_queue = ToldQueue(self.activity_queue, self.taken)
        super()._spawn_workers_with_gc_freeze(spawn_number)

    def sync(self) -> None:
        """Take note of what the workers did; where that is nothing, wait for them."""
        super().sync()
        handed_over, self._handed_over = self._handed_over, False
        if not self.event_buffer and not handed_over:
            lately = time.monotonic() - self._active < _LATELY
            seconds = FULL_SECONDS if self.slots_available <= 0 else SOON_SECONDS if lately else IDLE_SECONDS
            ends = [process.sentinel for process in self.workers.values()]
            wait([self.result_queue._reader, *ends], seconds)
            super().sync()
        if self.event_buffer:
            self._active = time.monotonic()

    def _process_workloads(self, workload_list: Any) -> None:
        """Hand work over, and count it as running.

        Airflow's own does not, and so takes any number of tasks. Behind a long fit they wait for a worker for longer
        than what identifies them to the API server is valid (`task_queued_timeout`), and fail. Here they wait in the
        database until a worker is free, and the most important one comes next.
        """
        self._active, self._handed_over = time.monotonic(), True
        self.running.update(work.key for work in workload_list)
        super()._process_workloads(workload_list)

    def revoke_task(self, *, ti: Any) -> None:
        """Forget a task that came to no worker within `task_queued_timeout`: one was killed as it took it."""
        self.running.discard(ti.key)
        self.queued_tasks.pop(ti.key, None)

    def change_state(self, key: Any, state: Any, info: Any = None, remove_running: bool = True) -> None:
        """Take note of a task's state; once it has ended, nobody has it in hand."""
        self._see_who_took_what()
        if state not in (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING):
            self._at = {worker: held for worker, held in self._at.items() if held != key}
        super().change_state(key, state, info, remove_running)

    def _check_workers(self) -> None:
        """Let the tasks fail whose workers were killed, before Airflow starts others in their place."""
        self._see_who_took_what()
        for worker in [pid for pid, process in self.workers.items() if not process.is_alive()]:
            if key := self._at.get(worker):
                log.warning("worker %d was killed: %s", worker, key)
                self.change_state(key, TaskInstanceState.FAILED)
        super()._check_workers()

    def _see_who_took_what(self) -> None:
        while not self.taken.empty():
            worker, key = self.taken.get()
            self._at[worker] = key


class ToldQueue:
    """A queue of work that tells which process takes what."""

    def __init__(self, queue: SimpleQueue[Any], taken: SimpleQueue[tuple[int, WorkloadKey]]) -> None:
        self.put, self.empty, self.close = queue.put, queue.empty, queue.close
        self._queue, self._taken = queue, taken

    def get(self) -> Any:
        """Return the next piece of work; None tells that there is no more."""
        work = self._queue.get()
        if work is not None:
            self._taken.put((os.getpid(), work.key))
        return work


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
