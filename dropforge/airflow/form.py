"""The form of the train DAG: a config that is typed into Airflow is dropped like any other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dropforge.folder import WatchFolder

FIELD = "config"


def drop_typed(context: Mapping[str, Any], folder: WatchFolder) -> list[str]:
    """Write what the form of this run holds into the watch folder, once, and return the names: one, or none.

    The name says when and by which run, so that it is the same however often the task is tried or cleared.
    """
    text = str(context["params"].get(FIELD) or "")
    if not text.strip():
        return []
    run = context["dag_run"]
    content = text.encode(errors="replace")  # a browser may send half a character
    mark = hashlib.sha256(run.run_id.encode()).hexdigest()[:8]
    return [folder.drop(f"form-{run.run_after:%Y%m%d-%H%M%S}-{mark}{_suffix(text)}", content)]


def _suffix(text: str) -> str:
    try:
        json.loads(text)
    except ValueError:
        return ".yaml"
    return ".json"
