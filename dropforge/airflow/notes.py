"""What a task did, in words: the last lines of its log, and with those of the run's other tasks the run's note.

A task may not set its run's note: its token is for Airflow's execution API, which has no such call. So it leaves
its lines as an XCom, and a listener in the scheduler (:mod:`dropforge.airflow.plugin`) makes them the note when the
run ends. Where the plugin is not installed, the log has them all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context

from dropforge.documents import UserError, code

log = logging.getLogger(__name__)

KEY = "note"
LENGTH = 440  # of each task: two have something to say in a run, and Airflow's column takes 1,000 characters


def say(lines: Sequence[str]) -> None:
    """Log lines of Markdown, and leave them for the run's note."""
    # The name of a file may hold what no log and no database takes.
    clean = ["".join(character if character.isprintable() else " " for character in line) for line in lines]
    for line in clean:
        log.info("%s", line)
    get_current_context()["ti"].xcom_push(key=KEY, value=short(clean))


def short(lines: Sequence[str], length: int = LENGTH) -> str:
    """Return the first lines that fit into a note, as a list, and how many there are more."""
    longest = length // 2
    kept = [f"- {line if len(line) <= longest else f'{line[:longest]}...'}" for line in lines]
    text = "\n".join(kept)
    while len(text) > length:
        kept.pop()
        text = "\n".join([*kept, f"- and {len(lines) - len(kept)} more: see the log"])
    return text


def rejected(file: str, error: UserError) -> str:
    """Return the line for a config with a mistake."""
    first = error.problems[0]
    place = f"line {first.line}: " if first.line else ""
    return f"{code(file)} is rejected: {place}{first.message}. {first.remedy}".strip()


def stays(file: str) -> str:
    """Return the line for a config that this run could not finish."""
    return f"{code(file)} stays where it is, and the next run takes it: see the log of `train`"


def filed(file: str, place: Path | None, outcomes: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Return the line for a config whose candidates were trained, or not."""
    versions = [f"version {o['version']}{_score(o, metric)}" for o in outcomes if o.get("version")]
    failed = [str(o["error"]).partition("\n")[0] for o in outcomes if o["error"]]
    said = [", ".join(versions), f"not trained: {failed[0]}" if failed else ""]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    where = f"in {place.parent.name}/" if place else "filed by another run"
    return f"{code(file)} is {where}: {'; '.join(part for part in said if part)}{more}"


def _score(outcome: Mapping[str, Any], metric: str) -> str:
    score = outcome["metrics"].get(f"test_{metric}")
    known = " (known before)" if outcome["status"] == "known" else ""
    return f"{known} with {metric} {score:.4f}" if score is not None else known
