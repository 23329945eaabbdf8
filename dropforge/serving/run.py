"""Run the model server."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterable

import uvicorn

from dropforge.project import Project
from dropforge.registry import Store
from dropforge.serving.app import create_app
from dropforge.serving.front import Limits
from dropforge.serving.models import Models
from dropforge.settings import Pipeline

DEFAULT = Limits()


def serve(
    project: Project,
    pipelines: Callable[[], Iterable[Pipeline]],
    host: str,
    port: int,
    limits: Limits = DEFAULT,
    token: str | None = None,
    most: int | None = None,
) -> None:
    """Serve the champions of ``pipelines``, which is asked again and again, until a signal ends it.

    A signal stops it from taking requests; those that it has begun are answered first.
    """
    from dropforge.estimators.trusted import trusted_types

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    _log_access_as_it_is()
    # While MLflow is away, the champion that was kept shall not wait for minutes of attempts.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    models = Models(Store.connect(project), pipelines, project, most)
    models.look()
    trusted_types(())  # imports scikit-learn now, not in the first request
    # What is loaded by now stays: a full collection would only stop the requests (a pause of 200 ms was seen).
    gc.collect()
    gc.freeze()
    uvicorn.run(
        create_app(models, limits=limits, token=token),
        host=host,
        port=port,
        log_level="info",
        access_log=False,
        # A connection that the server closes just as a client uses it again is a request lost. Most clients let go of
        # theirs after a minute or less.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(limits.body_seconds + limits.answer_seconds),
    )


def _log_access_as_it_is() -> None:
    """Write the access log as lines of JSON and nothing else."""
    logger, handler = logging.getLogger("dropforge.access"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
