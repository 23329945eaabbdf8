"""Start the MLflow server: on a database that is whole, and with as many connections as it can use.

``python -m dropforge.stack.tracking HOME OPTION...``, with the options of ``mlflow server``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dropforge.documents import explain
from dropforge.project import Project, make_database

# Each of a server process' 40 threads may hold two connections at once. Of MLflow's default of 15, 15 writers hold one
# each and wait for another: half a minute later they fail.
CONNECTIONS = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "40", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "40"}


def main() -> None:
    """Make the database if need be, and become the server."""
    home, *options = sys.argv[1:]
    project = Project(Path(home))
    try:
        make_database(project)
    except Exception as error:
        sys.exit(str(explain(error, project.state) or error))
    command = [sys.executable, "-m", "mlflow", "server", *options]
    os.execve(sys.executable, command, CONNECTIONS | os.environ)  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main()
