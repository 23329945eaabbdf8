"""Tell a container's health: `health.py URL` or `health.py URL COMPONENT`.

With COMPONENT the answer is Airflow's health report, and that component must be healthy. Only the standard library,
as it runs every few seconds.
"""

from __future__ import annotations

import json
import sys
import urllib.request


def healthy(url: str, component: str | None = None) -> bool:
    """Return whether ``url`` answers, and the component that it reports on is healthy."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the address stands in docker-compose.yaml
            return component is None or json.load(answer)[component]["status"] == "healthy"
    except (OSError, ValueError, LookupError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(*sys.argv[1:3]) else 1)
