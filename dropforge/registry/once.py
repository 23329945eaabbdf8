"""Make something in MLflow once, although the answer may be lost.

MLflow's HTTP client asks again when a connection breaks, whatever was asked for: where the server died between its
commit and its answer, a version or a run would be made twice.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES
from mlflow.exceptions import MlflowException

log = logging.getLogger(__name__)

T = TypeVar("T")
_TRIES = 5
_SERVER_ERROR = 500  # what MLflow also gives an exception for a connection that broke


def once(make: Callable[[], T], made: Callable[[], T | None]) -> T:
    """Return what ``make`` makes, or what it had made when its answer was lost.

    Parameters
    ----------
    make : callable
        Asks MLflow to make something; its request is sent once.
    made : callable
        Looks for what was made; waits for MLflow to come back, as far as MLflow's own settings say.

    Raises
    ------
    MlflowException
        If MLflow refuses, or is away for longer than that.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            with _asked_once():
                return make()
        except MlflowException as error:
            if not is_away(error) or attempt == _TRIES:
                raise
            log.warning("MLflow did not answer; looking whether it was done: %s", error)
            if (found := made()) is not None:
                return found
    raise AssertionError("unreachable")


def is_away(error: MlflowException) -> bool:
    """Return whether MLflow did not answer, or failed at it; else it refuses what was asked."""
    return bool(error.get_http_status_code() >= _SERVER_ERROR)


@contextlib.contextmanager
def _asked_once() -> Iterator[None]:
    given = MLFLOW_HTTP_REQUEST_MAX_RETRIES.get_raw()
    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(0)
    try:
        yield
    finally:
        if given is None:
            MLFLOW_HTTP_REQUEST_MAX_RETRIES.unset()
        else:
            MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(given)
