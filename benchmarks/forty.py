"""Forty small configs at once, against a plain loop over the same forty."""

from __future__ import annotations

from benchmarks.by_hand import Loop
from benchmarks.configs import small
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop

PIPELINE = "forty"


def run(options: Options) -> list[Figure]:
    """Return the seconds from the drop to the last version, beside the loop's."""
    count, repetitions = options.size(40, 8), options.repetitions(5, 2)
    loop = Loop(options.project, PIPELINE)
    drop(options.project, PIPELINE, small(count, seed=8_000))  # warm
    ours, theirs = alternate(
        repetitions,
        options.say,
        lambda number: drop(options.project, PIPELINE, small(count, seed=number)).seconds,
        lambda number: loop.seconds(small(count, seed=number)),
    )
    return [Figure(f"{count} configs to the last version", "s", ours, "plain loop", theirs, Aim("ratio", 1.0))]
