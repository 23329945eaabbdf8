"""Run the model server."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable

import uvicorn

from dropforge.project import Project
from dropforge.registry import Store
from dropforge.serving.app import create_app
from dropforge.serving.models import Models
from dropforge.settings import Pipeline


def serve(project: Project, pipelines: Callable[[], Iterable[Pipeline]], host: str, port: int) -> None:
    """Serve the champions of ``pipelines``, which is asked again and again, until a signal ends it."""
    from dropforge.estimators.trusted import trusted_types

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    models = Models(Store.connect(project), pipelines)
    models.look()
    trusted_types()  # imports scikit-learn now, not in the first request
    # What is loaded by now stays: a full collection would only stop the requests (a pause of 200 ms was seen).
    gc.collect()
    gc.freeze()
    uvicorn.run(create_app(models), host=host, port=port, log_level="info", access_log=False)
