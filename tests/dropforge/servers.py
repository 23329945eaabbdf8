"""Run an app as a real HTTP server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from dropforge.registry import Store
from dropforge.serving.models import Models, ServedModel


def fixed(served: Mapping[str, ServedModel]) -> Models:
    """Return models of pipelines that stay as they are."""
    models = Models(Store(""), lambda: [model.pipeline for model in served.values()])
    models.served = served
    return models


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Run an app on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
