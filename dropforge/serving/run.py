"""Run the model server."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import uvicorn

from dropforge.project import Project
from dropforge.registry import Store
from dropforge.serving.app import create_app
from dropforge.serving.models import ServedModel
from dropforge.settings import Pipeline


def serve(project: Project, pipelines: Sequence[Pipeline], host: str, port: int) -> None:
    """Serve the champions of ``pipelines`` until a signal ends it."""
    from dropforge.estimators.registry import trusted_types

    store = Store.connect(project)
    trusted_types()  # imports scikit-learn now, not in the first request
    # What is loaded by now stays: a full collection would only stop the requests (a pause of 200 ms was seen).
    gc.collect()
    gc.freeze()
    models = {pipeline.name: ServedModel(store, pipeline) for pipeline in pipelines if pipeline.host.enabled}
    uvicorn.run(create_app(models), host=host, port=port, log_level="info", access_log=False)
