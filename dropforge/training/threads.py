"""How many threads a fit may use: the cores are shared by all that are trained at once."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

import joblib
import threadpoolctl


@contextlib.contextmanager
def limit_threads(estimator: Any, threads: int) -> Iterator[None]:
    """Let an estimator use ``threads`` threads inside the block.

    Whatever asks for no number of jobs gets so many. A parameter ``n_jobs`` that asks for more is lowered, and given
    back afterwards. Jobs are threads and never processes, so that nothing lives on when this process is ended.

    OpenMP gets as many. BLAS gets one: its threads wait in a busy loop, which on cores that others use too made small
    fits up to a hundred times slower.
    """
    with (
        _pools(len(sys.modules)).limit(limits={"blas": 1, "openmp": threads}),
        joblib.parallel_config(backend="threading", n_jobs=threads),
    ):
        asked = {
            name: value
            for name, value in estimator.get_params(deep=True).items()
            if name.split("__")[-1] == "n_jobs" and isinstance(value, int) and value != 0  # 0 is for joblib to refuse
        }
        estimator.set_params(**{name: min(threads, joblib.effective_n_jobs(value)) for name, value in asked.items()})
        try:
            yield
        finally:
            estimator.set_params(**asked)


@functools.lru_cache(maxsize=1)
def _pools(modules: int) -> threadpoolctl.ThreadpoolController:
    """Return the thread pools of the loaded libraries; they are looked for anew when a module was imported since.

    To look through all libraries of the process takes 8 ms, which is as long as some fits.
    """
    return threadpoolctl.ThreadpoolController()
