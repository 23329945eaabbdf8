"""Whether the running Airflow has taken up what was generated: asked of its API, compared with the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx

from dropforge.project import Project

PAGE = 100
PATIENCE_SECONDS = 10.0

Kind = Literal["spec", "edited", "airflow", "import error", "unknown"]


@dataclass(frozen=True)
class Drift:
    """One place where spec, files and Airflow differ.

    Parameters
    ----------
    kind : str
        Between what: ``spec`` (the files are not what the spec says), ``edited`` (a file was edited by hand),
        ``airflow`` (Airflow has not read a file yet), ``import error`` (it could not), ``unknown`` (it did not answer).
    pipeline : str
        Whose file it is; empty if it concerns all.
    message : str
        What differs, in words.
    remedy : str
        What to do.
    """

    kind: Kind
    pipeline: str
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.pipeline}: " if self.pipeline else ""
        return f"{where}{self.message}\n    {self.remedy}"


def airflow_drift(project: Project, address: str) -> tuple[Drift, ...]:
    """Return where a running Airflow and the generated files differ.

    Parameters
    ----------
    project : Project
        The project.
    address : str
        Where its Airflow answers.
    """
    try:
        with httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as client:
            token = client.get("/auth/token").raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            dags = list(_all(client, "/api/v2/dags", "dags"))
            errors = list(_all(client, "/api/v2/importErrors", "import_errors"))
    except (httpx.HTTPError, KeyError, ValueError) as error:
        message = f"Airflow does not say which DAGs it has: {type(error).__name__}: {error}"
        return (Drift("unknown", "", message, f"See {project.log('api-server')}, and try again."),)
    return compare(project.dags, dags, errors)


def compare(folder: Path, dags: list[dict[str, Any]], errors: list[dict[str, Any]]) -> tuple[Drift, ...]:
    """Return where Airflow's DAGs and import errors differ from the generated files.

    Parameters
    ----------
    folder : pathlib.Path
        The folder ``dags_generated``.
    dags, errors : list of dict
        As Airflow's API gives them.
    """
    found: list[Drift] = []
    broken = {Path(error["filename"]).name: error["stack_trace"] for error in errors}
    known: dict[str, list[dict[str, Any]]] = {}
    for dag in dags:
        if not dag["is_stale"]:
            known.setdefault(Path(dag["relative_fileloc"] or dag["fileloc"]).name, []).append(dag)
    for loader in sorted(folder.glob("*.py")):
        pipeline, settings = loader.stem, loader.with_suffix(".yaml")
        if trace := broken.get(loader.name):
            last = (trace.strip().splitlines() or ["no reason given"])[-1]
            remedy = "Mend the template or the spec, then 'dropforge generate'; Airflow's page shows the whole text."
            found.append(Drift("import error", pipeline, f"Airflow cannot import its DAGs: {last}", remedy))
        elif settings.exists():
            found += _unread(pipeline, max(loader.stat().st_mtime, settings.stat().st_mtime), known.get(loader.name))
    for name in sorted(known.keys() - {loader.name for loader in folder.glob("*.py")}):
        pipeline = Path(name).stem
        found.append(Drift("airflow", pipeline, "Airflow still has its DAGs, though its files are gone", _WAIT))
    return tuple(found)


def _unread(pipeline: str, written: float, dags: list[dict[str, Any]] | None) -> Iterator[Drift]:
    if not dags:
        yield Drift("airflow", pipeline, "Airflow has not found its DAGs yet", _WAIT)
        return
    parsed = [_seconds(dag["last_parsed_time"]) for dag in dags]
    if min(parsed) < written:
        yield Drift("airflow", pipeline, "Airflow has not read its latest files yet", _WAIT)


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else 0.0


_WAIT = "Wait: it reads them within about ten seconds; else see .dropforge/logs/dag-processor.log."


def _all(client: httpx.Client, path: str, key: str) -> Iterator[dict[str, Any]]:
    """Yield all entries of a list that Airflow gives page by page."""
    offset, total = 0, 1
    while offset < total:
        answer = client.get(path, params={"limit": PAGE, "offset": offset}).raise_for_status().json()
        yield from answer[key]
        offset, total = offset + PAGE, answer["total_entries"]
