"""Check a thousand configs in one process, against one that only reads the same files as YAML."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.configs import small
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options

SPEC = """\
version: 1
pipelines:
  digits:
    data: {source: sklearn.datasets.load_digits, target: target}
"""
# What people would write themselves: is each file YAML at all?
READ = "import pathlib, sys, yaml; [yaml.safe_load(p.read_text()) for p in pathlib.Path(sys.argv[1]).iterdir()]"


def run(options: Options) -> list[Figure]:
    """Return the seconds of `dropforge check` of a folder, from start to end of its process."""
    count = options.size(1000, 100)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        watch = home / "configs" / "digits"
        watch.mkdir(parents=True)
        (home / "pipelines.yaml").write_text(SPEC)
        for name, text in small(count, seed=1).items():
            (watch / name).with_suffix(".yaml").write_text(text)
        ours, reading = alternate(
            options.repetitions(5, 2),
            options.say,
            lambda _: _seconds(home, "-m", "dropforge.cli.main", "check", str(watch)),
            lambda _: _seconds(home, "-c", READ, str(watch)),
        )
    return [Figure(f"check {count:,} configs", "s", ours, "yaml.safe_load alone", reading, Aim("median", 5.0))]


def _seconds(home: Path, *arguments: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    return time.perf_counter() - began
