"""`make test-soak`: everybody is killed at every point, again and again; the tables go into docs/reliability.md."""

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psutil

from tests.stack.exactly_once import PIPELINE, NotRightError, await_sound, be_without_mlflow, config, drop_and_kill
from tests.stack.injected.named_points import POINTS
from tests.stack.killing import VICTIMS
from tests.stack.project import RunningProject
from tests.stack.takeover import PARTS, run_again, take_over

SPEC = f"""
version: 1
pipelines:
  {PIPELINE}:
    data: {{source: sklearn.datasets.load_wine, target: target}}
    promote: {{schedule: "@yearly", on_new_version: true, minimum: 0.5}}
"""
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak -->\n", "<!-- /soak -->\n"
AWAY_SECONDS = 120
AWAY = ("MLflow is away for two minutes", "-")


@dataclass
class Tally:
    """What became of the repetitions of one kind of accident."""

    repetitions: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)


class Soak:
    """A stack, and what became of what was dropped there while parts of it were killed."""

    def __init__(self, home):
        self.home = home
        self.number = 0
        self.tallies = defaultdict(Tally)
        self.missing = defaultdict(list)
        self.failures = 0

    def run(self, repetitions, minutes, points, victims):
        """Go round until the repetitions are done or the time is over."""
        end = time.monotonic() + 60 * minutes
        self._start()
        try:
            for name, step in self._steps(repetitions, points, victims):
                if time.monotonic() > end:
                    print(f"the {minutes:g} minutes are over")
                    break
                self.number += 1
                began = time.monotonic()
                said = self._said(step)
                print(f"{self.number:4} {' '.join(name)}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
        finally:
            self.project.down()

    def _steps(self, repetitions, points, victims):
        def missing(what, measure):
            return lambda: self.missing[what].append(measure(self.project, what, self.number))

        def accident(name, happen, *arguments):
            return lambda: self._judge(self.tallies[name], happen, *arguments)

        for _ in range(repetitions):
            for part in PARTS:
                yield (part,), missing(part, take_over)
            for victim in ("task", "worker"):
                yield (victim,), missing(victim, run_again)
            for point in points:
                for victim in victims:
                    yield (point, victim), accident((point, victim), drop_and_kill, point, victim)
            yield AWAY, accident(AWAY, be_without_mlflow, AWAY_SECONDS)

    def _said(self, step):
        try:
            step()
        except Exception:
            self.failures += 1
            # The others go on, on a new stack: nothing is carried over.
            self.project.points.release()
            self.project.down()
            self._start()
            return f"NOT RIGHT\n{traceback.format_exc()}"
        return "right"

    def _judge(self, tally, happen, *arguments):
        tally.repetitions += 1
        try:
            files, since = happen(self.project, *arguments, self.number)
            tally.seconds.append(await_sound(self.project, *files) - since)
        except Exception as error:
            tally.wrong += 1
            if isinstance(error, NotRightError):
                tally.lost += error.found.lost
                tally.doubled += error.found.doubled
            raise

    def _start(self):
        home = self.home / f"project{self.number}"
        home.mkdir()
        self.project = RunningProject(home, SPEC)
        self.project.up()
        self.project.drop(PIPELINE, first_yaml=config(self.number))
        await_sound(self.project, "first.yaml")

    def report(self):
        """Return the tables, in Markdown."""
        places = {name: tally for name, tally in self.tallies.items() if name != AWAY}
        points, victims = (dict.fromkeys(name[which] for name in places) for which in (0, 1))
        accidents = [
            (point, *(_said_of(places.get((point, victim), Tally())) for victim in victims)) for point in points
        ]
        missing = [
            (part, len(found), *_spread([back for back, _ in found]), *_spread([done for _, done in found]))
            for part, found in self.missing.items()
        ]
        of_missing = ["killed", "repetitions", "works after", "at most", "registered after", "at most"]
        lines = [f"{_machine()}.\n", f"{self._totals(places)}\n", *_table(["point", *victims], accidents), ""]
        if AWAY in self.tallies:
            lines += [f"{AWAY[0]}: {_said_of(self.tallies[AWAY])}.\n"]
        return "\n".join([*lines, *_table(of_missing, missing), ""])

    def _totals(self, places):
        tallies = self.tallies.values()
        total, lost, doubled, wrong = (
            sum(getattr(tally, what) for tally in tallies) for what in ("repetitions", "lost", "doubled", "wrong")
        )
        once = sum(tally.repetitions == 1 for tally in places.values())
        return (
            f"{total} accidents: {lost} lost, {doubled} doubled, {wrong} not right. Of {len(places)} places, "
            f"{once} were hit once."
        )


def _table(heads, rows):
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(map(str, cells))} |"


def _said_of(tally):
    """Return the seconds until all was right again, the most of several; how many; and what was not right."""
    if not tally.repetitions:
        return "-"
    said = f"{max(tally.seconds):.1f}" if tally.seconds else "-"
    if tally.repetitions > 1:
        said += f" ({tally.repetitions})"
    counts = ((tally.lost, "lost"), (tally.doubled, "doubled"), (tally.wrong, "not right"))
    return ", ".join([said, *(f"{count} {what}" for count, what in counts if count)])


def _spread(seconds):
    return (f"{statistics.median(seconds):.1f} s", f"{max(seconds):.1f} s") if seconds else ("-", "-")


def _machine():
    packages = ("apache-airflow", "mlflow", "scikit-learn")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    gigabytes = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores, {gigabytes:.0f} GiB, {platform.system()}"
    return f"Measured on {date.today()}: {machine};\nPython {platform.python_version()}, {', '.join(versions)}"


def _chosen(names):
    def choose(text):
        if unknown := set(text.split(",")) - set(names):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose of {', '.join(names)}")
        return text.split(",")

    return choose


def main():
    """Soak, print the report, and put it into the docs; exit code 1 where something was not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=180, help="begin nothing new after this time")
    parser.add_argument("--points", type=_chosen(POINTS), default=list(POINTS), help="some only: a,b,c")
    parser.add_argument("--victims", type=_chosen(VICTIMS), default=list(VICTIMS), help="some only: a,b,c")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.parent.name}/{PAGE.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # MLflow's stages
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        soak = Soak(Path(home))
        try:
            soak.run(options.repetitions, options.minutes, options.points, options.victims)
        except KeyboardInterrupt:
            print("ended early")
    print(report := soak.report())
    if options.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{report}{END}{rest.partition(END)[2]}")
    sys.exit(soak.failures > 0)


if __name__ == "__main__":
    main()
