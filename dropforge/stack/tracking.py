"""Start the MLflow server: on a database that is whole, and with as many connections as it can use.

``python -m dropforge.stack.tracking HOME --host HOST ...``. ``mlflow server`` imports MLflow to look at its options and
then starts a process that imports it again. This one becomes the server: half the time to start, and a process less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import uuid
from pathlib import Path

from dropforge.documents import explain
from dropforge.project import Project
from dropforge.registry.database import make_database
from dropforge.stack.environment import collect_rarely

# Each of a server process' 40 threads may hold two connections at once. Of MLflow's default of 15, 15 writers hold one
# each and wait for another: half a minute later they fail.
CONNECTIONS = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "40", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "40"}


def main() -> None:
    """Make the database if need be, and become the server."""
    collect_rarely()
    options = _options()
    project = Project(options.home)
    try:
        make_database(project, _upgrade)
    except Exception as error:
        sys.exit(str(explain(error, project.state) or error))
    os.environ |= CONNECTIONS | os.environ
    _serve(project, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


def _upgrade(url: str) -> None:
    """Have MLflow make its tables in a fork, which has the MLflow that this process needs anyway."""
    from mlflow.db import commands

    fork = multiprocessing.get_context("fork").Process(
        target=commands.main, args=(["upgrade", url],), kwargs={"standalone_mode": False}
    )
    fork.start()
    fork.join()
    if fork.exitcode:
        raise RuntimeError("MLflow could not make its tables; why is said above")


def _serve(project: Project, options: argparse.Namespace) -> None:
    """Do what ``mlflow server`` does after its options are read: the application takes them from the environment."""
    import uvicorn
    from mlflow.environment_variables import _MLFLOW_IN_JOB_EXECUTOR, _MLFLOW_SERVER_BOOT_ID
    from mlflow.server import constants

    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: project.mlflow_store,
        constants.REGISTRY_STORE_URI_ENV_VAR: f"dropforge:{project.mlflow_store}",
        constants.ARTIFACT_ROOT_ENV_VAR: project.artifacts,
        # By these MLflow knows its server, in which it never runs code that somebody stored as a scorer.
        _MLFLOW_SERVER_BOOT_ID.name: uuid.uuid4().hex,
        _MLFLOW_IN_JOB_EXECUTOR.name: "false",
    }
    uvicorn.run("mlflow.server.fastapi_app:app", host=options.host, port=options.port, workers=options.workers)


if __name__ == "__main__":
    main()
