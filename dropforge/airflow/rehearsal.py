"""Make a spec's notifiers as Airflow will make them, before it does.

That wants Airflow, which takes seconds to import and makes a folder for itself. So it happens in a process of its own,
with a folder that is gone afterwards; only where a spec names notifiers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator

from dropforge.documents import UserError
from dropforge.project import Project
from dropforge.settings import Pipeline

EVENTS = ("on_failure", "on_promotion")


def rehearse(project: Project, pipelines: Iterable[Pipeline]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield what is wrong with notifiers: pipeline, event, class path, message and remedy of each.

    Parameters
    ----------
    project : Project
        The project, whose folders Airflow imports from too.
    pipelines : iterable of Pipeline
        The pipelines.
    """
    asked = [
        (pipeline.name, event, path, arguments)
        for pipeline in pipelines
        for event in EVENTS
        for path, arguments in getattr(pipeline.airflow, event).items()
    ]
    if not asked:
        return
    # As Airflow has them on its path; the current folder comes with `-m`.
    folders = [project.dags, *(project.state / "airflow" / name for name in ("config", "plugins"))]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-W", "ignore", "-m", __name__, *map(str, folders)],
            input=json.dumps([(event, path, arguments) for _, event, path, arguments in asked]),
            env={**os.environ, "AIRFLOW_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the notifiers could not be tried:\n{done.stderr}")
    # A module may print when it is imported.
    for (pipeline, event, path, _), said in zip(asked, json.loads(done.stdout.splitlines()[-1]), strict=True):
        if said:
            yield pipeline, event, path, *said


def _main() -> None:
    from dropforge.airflow.notify import OnFailure, OnPromotion

    kinds = {kind.key: kind for kind in (OnFailure, OnPromotion)}
    sys.path += sys.argv[1:]
    answers: list[tuple[str, str] | None] = []
    for event, path, arguments in json.load(sys.stdin):
        try:
            kinds[event](json.dumps({path: arguments}))
            answers.append(None)
        except UserError as error:
            answers.append((error.problems[0].message, error.problems[0].remedy))
    print(json.dumps(answers))


if __name__ == "__main__":
    _main()
