"""Serve the champions from a container.

A container's loopback is reached by nobody, so here the server binds every address of the container. Two guards:
requests must bear `DROPFORGE_TOKEN`, and docker-compose.yaml publishes the port on the host's loopback only;
tests/test_compose.py holds it to both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dropforge.documents import UserError
from dropforge.project import TOKEN_VARIABLE, Project
from dropforge.serving.run import serve
from generator.latest import Latest
from generator.spec import read_spec

PORT = 5002


def main() -> None:
    """Serve every pipeline of the project that is hosted."""
    home = Path(os.environ["DROPFORGE_HOME"])
    latest = Latest(home, lambda: read_spec(home).pipelines)
    try:
        latest()
    except UserError as error:
        sys.exit(str(error))
    serve(Project(home), latest, "0.0.0.0", PORT, token=os.environ.get(TOKEN_VARIABLE))  # noqa: S104 - see above


if __name__ == "__main__":
    main()
