"""Run benchmarks on the real stack: `python -m benchmarks [NAME...] [--quick]`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import report
from benchmarks.figures import Figure
from benchmarks.machine import machine, versions
from benchmarks.stack import FOREIGN, Options, running

RESULTS = Path(__file__).parent / "results"
# `tick` comes last on the stack: it leaves ten thousand versions in MLflow's database.
NAMES = ("check", "generate", "log", "drop", "forty", "handwritten", "large", "thousand", "tick", "serve")
WITHOUT_STACK = {"check", "generate", "serve"}


def main() -> int:
    """Run what was asked for; 1 if a benchmark failed. An aim that is missed is a result, not a failure."""
    options = _arguments()
    if options.markdown:
        sys.stdout.write(report.markdown(json.loads(options.markdown.read_text())))
        return 0
    names = [name for text in options.names for name in text.split(",") if name]
    if unknown := set(names) - set(NAMES):
        sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}")
    return _run([name for name in NAMES if name in names or not names], quick=options.quick, most=options.repetitions)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all of it works")
    parser.add_argument("--repetitions", type=int, metavar="N", help="measure each at most N times (thousand: 6 min)")
    parser.add_argument("--markdown", type=Path, metavar="RESULT.json", help="only render a result as Markdown")
    return parser.parse_args()


def _run(names: list[str], *, quick: bool, most: int | None) -> int:
    # Whoever runs this may work in another project's environment, which must not lead us to its services.
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    began, clock = datetime.now(UTC), time.monotonic()
    path = RESULTS / f"{began:%Y-%m-%d-%H%M}{'-quick' if quick else ''}.json"
    console = Console(stderr=True)
    figures: dict[str, list[Figure]] = {}
    failures: dict[str, str] = {}

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - clock:5.0f} s] {text}", markup=False, highlight=False)

    stack = [name for name in names if name not in WITHOUT_STACK]
    alone = [name for name in names if name in WITHOUT_STACK]
    project: Any = None
    with contextlib.ExitStack() as up:
        for name in (*stack, *alone):
            if name in stack[:1]:
                say("starting the stack")
                project = up.enter_context(running())
            if name in alone[:1]:
                up.close()  # it would only take their cores
            say(name)
            try:
                figures[name] = _benchmark(name)(Options(project, quick, most, say))
            except Exception as error:
                # The others are worth their figures all the same.
                traceback.print_exc()
                failures[name] = f"{type(error).__name__}: {error}"
            content = report.result(
                f"{began:%Y-%m-%d %H:%M} UTC", machine(), versions(), quick=quick, figures=figures, failures=failures
            )
            report.write(path, content)
    # A file or a pipe has no width: nothing need be broken there.
    screen = Console() if sys.stdout.isatty() else Console(width=200)
    screen.print(report.table(content))
    say(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 1 if failures else 0


def _benchmark(name: str) -> Callable[..., list[Figure]]:
    """Return what runs a benchmark: the function ``run`` of the module of its name."""
    return importlib.import_module(f"benchmarks.{name}").run


if __name__ == "__main__":
    sys.exit(main())
