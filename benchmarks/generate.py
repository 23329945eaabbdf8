"""Generate one, a hundred and a thousand pipelines, and import the command line, each in a fresh process."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options

PIPELINE = """\
  p{number}:
    description: Which cultivar a wine comes from
    data:
      source: sklearn.datasets.load_wine
      target: target
      split: {{test: 0.2, holdout: 0.2, seed: 42}}
    train:
      estimators: ["sklearn.*"]
    promote:
      schedule: "*/5 * * * *"
      metric: f1_macro
      minimum: 0.8
"""


def run(options: Options) -> list[Figure]:
    """Return the seconds of `dropforge generate` into an empty folder, from start to end of its process."""
    many = 100 if options.quick else 1000
    ones, hundreds, manies, imports = alternate(
        options.repetitions(5, 2),
        options.say,
        lambda _: generate(1),
        lambda _: generate(100),
        lambda _: generate(many),
        lambda _: importing(),
    )
    tenfold = tuple(value * many / 100 for value in hundreds)
    return [
        Figure("import the command line", "s", imports, aim=Aim("median", 0.3)),
        Figure("generate 1 pipeline", "s", ones),
        Figure("generate 100 pipelines", "s", hundreds, aim=Aim("median", 2.0)),
        Figure(f"generate {many:,} pipelines", "s", manies, "as often 100", tenfold, Aim("ratio", 1.0)),
    ]


def generate(count: int) -> float:
    """Return the seconds that `dropforge generate` takes for so many pipelines."""
    with tempfile.TemporaryDirectory() as folder:
        pipelines = "".join(PIPELINE.format(number=number) for number in range(count))
        (Path(folder) / "pipelines.yaml").write_text(f"version: 1\npipelines:\n{pipelines}")
        command = [sys.executable, "-m", "dropforge.cli.main", "generate"]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        took = time.perf_counter() - began
        files = len(list((Path(folder) / "dags_generated").iterdir()))
        if files != 2 * count:
            raise RuntimeError(f"{files} files for {count} pipelines")
    return took


def importing() -> float:
    """Return the seconds that Python itself counts for the import of the command line."""
    command = [sys.executable, "-X", "importtime", "-c", "import dropforge.cli.main"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr  # noqa: S603 - our own module
    # import time: self [us] | cumulative | imported package
    (found,) = re.findall(r"\|\s*(\d+) \| dropforge\.cli\.main$", told, re.M)
    return int(found) / 1e6
