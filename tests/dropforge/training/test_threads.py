"""A fit uses so many threads as it is given, whatever its parameters ask for, and the parameters stay the user's."""

from __future__ import annotations

import os
from typing import Any

import joblib
import pytest
import threadpoolctl
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from dropforge.training.threads import limit_threads


def jobs(estimator: Any) -> dict[str, Any]:
    return {name: value for name, value in estimator.get_params().items() if name.endswith("n_jobs")}


@pytest.mark.parametrize(("asked", "threads", "given"), [(-1, 1, 1), (99, 3, 3), (2, 3, 2), (1, 3, 1), (None, 3, None)])
def test_n_jobs_is_lowered_for_the_block_alone(asked: int | None, threads: int, given: int | None) -> None:
    forest = RandomForestClassifier(n_jobs=asked)
    with limit_threads(forest, threads):
        assert forest.n_jobs == given
    assert forest.n_jobs == asked


def test_nested_n_jobs_is_lowered_too_and_given_back_when_the_fit_fails() -> None:
    forest = Pipeline([("scale", StandardScaler()), ("forest", RandomForestClassifier(n_jobs=-1))])
    search = GridSearchCV(forest, {"forest__max_depth": [1]}, n_jobs=50)
    asked = {"n_jobs": 50, "estimator__forest__n_jobs": -1}

    def fail() -> None:
        with limit_threads(search, 1):
            assert jobs(search) == {"n_jobs": 1, "estimator__forest__n_jobs": 1}
            raise ValueError("infeasible")

    assert jobs(search) == asked
    with pytest.raises(ValueError, match="infeasible"):
        fail()
    assert jobs(search) == asked


@pytest.mark.parametrize("threads", [1, 2])
def test_libraries_are_held_to_the_number_and_blas_to_one(threads: int) -> None:
    before = threadpoolctl.threadpool_info()
    with limit_threads(RandomForestClassifier(), threads):
        found = {(pool["user_api"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()}
        assert found == {("blas", 1), ("openmp", threads)}
        assert joblib.effective_n_jobs(None) == threads
    assert threadpoolctl.threadpool_info() == before


def test_jobs_are_threads_of_this_process() -> None:
    with limit_threads(RandomForestClassifier(), 2):
        assert set(joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(4))) == {os.getpid()}
