"""What a task did, in words: the last lines of its log, and with those of the run's other tasks the run's note.

A task may not set its run's note: its token is for Airflow's execution API, which has no such call. So it leaves
its lines as an XCom, and a listener in the scheduler (:mod:`dropforge.airflow.plugin`) makes them the note when the
run ends. Where the plugin is not installed, the log has them all the same.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context

from dropforge.documents import UserError, code

log = logging.getLogger(__name__)

KEY = "note"
LENGTH = 440  # of each task: two have something to say in a run, and Airflow's column takes 1,000 characters


def say(lines: Sequence[str]) -> None:
    """Log lines of Markdown, and leave those that fit for the run's note."""
    # The name of a file may hold what no log and no database takes.
    clean = ["".join(character if character.isprintable() else " " for character in line) for line in lines]
    for line in clean:
        log.info("%s", line)
    get_current_context()["ti"].xcom_push(key=KEY, value=fitting(clean))


def fitting(lines: Sequence[str], length: int = LENGTH) -> list[str]:
    """Return the first lines that fit into so many characters as a list, and how many there are more."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        cut = line if len(line) <= length // 2 else f"{line[: length // 2]}..."
        rest = [] if number == len(lines) - 1 else [f"and {len(lines) - number - 1} more: see the log"]
        if len(listed([*kept, cut, *rest])) > length:
            return [*kept, f"and {len(lines) - number} more: see the log"]
        kept.append(cut)
    return kept


def listed(lines: Sequence[str]) -> str:
    """Return lines as a list in Markdown, a single one as it is."""
    return "\n".join(f"- {line}" for line in lines) if len(lines) > 1 else "".join(lines)


class Report:
    """What became of the configs of a run, a line for each; those that somebody should look at come first.

    Parameters
    ----------
    metric : str
        The metric of the pipeline.
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.troubles: list[str] = []
        self.done: list[str] = []

    def rejected(self, file: str, error: UserError) -> None:
        """Add a config with a mistake."""
        first, *others = error.problems
        place = f"line {first.line}: " if first.line else ""
        more = f" (and {len(others)} more)" if others else ""
        self.troubles.append(f"{code(file)} is rejected: {place}{first.message}. {first.remedy}{more}")

    def stays(self, file: str) -> None:
        """Add a config that this run could not finish."""
        self.troubles.append(f"{code(file)} stays where it is, and the next run takes it: see the tasks' logs")

    def filed(self, file: str, place: Path | None, outcomes: Sequence[Mapping[str, Any]]) -> None:
        """Add a config whose candidates were trained, or not; ``place`` is None where another run filed it."""
        said = self._versions([outcome for outcome in outcomes if outcome.get("version")])
        if failed := [str(o["error"]).partition("\n")[0].removeprefix(f"{file}: ") for o in outcomes if o["error"]]:
            said.append(f"{len(failed)} not trained: {failed[0]}")
        where = f"in {place.parent.name}/" if place else "filed by another run"
        (self.troubles if failed else self.done).append(f"{code(file)} is {where}: {', '.join(said)}")

    def lines(self) -> list[str]:
        """Return what there is to say; nothing at all is said as well."""
        lines = [*self.troubles, *self.done]
        if len(lines) > 1:
            trouble = f"{len(self.troubles)} of them with trouble" if self.troubles else "all of them trained"
            lines.insert(0, f"{len(lines)} configs, {trouble}")
        return lines or ["there was nothing to train"]

    def _versions(self, outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
        if not outcomes:
            return []
        best = max(outcomes, key=lambda outcome: outcome["metrics"].get(f"test_{self.metric}", -math.inf))
        score = best["metrics"].get(f"test_{self.metric}")
        shown = f" with {self.metric} {score:.4f} on the test rows" if score is not None else ""
        known = " (known before)" if best["status"] == "known" else ""
        many = f"{len(outcomes)} versions, the best is " if len(outcomes) > 1 else ""
        return [f"{many}version {best['version']}{known}{shown}"]


def summary(outcome: dict[str, Any], metric: str) -> str:
    """Return an outcome in one line."""
    if outcome["status"] == "failed":
        return f"{outcome['candidate']}: failed"
    score = outcome["metrics"].get(f"test_{metric}")
    shown = f", {metric} {score:.4f} on the test rows" if score is not None else ""
    verb = "is version" if outcome["status"] == "trained" else "was trained before: version"
    return f"{outcome['candidate']} {verb} {outcome['version']}{shown} ({outcome['seconds']} s)"
