"""Forty small configs at once, against a plain loop over the same forty."""

from __future__ import annotations

import joblib

from benchmarks.by_hand import Loop
from benchmarks.configs import small
from benchmarks.empty import empty, figure, ready
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop
from dropforge.airflow.batches import batched

PIPELINE = "forty"


def run(options: Options) -> list[Figure]:
    """Return the seconds from the drop to the last version, beside the loop's."""
    count, repetitions = options.size(40, 8), options.repetitions(5, 2)
    loop = Loop(options.project, PIPELINE)
    drop(options.project, PIPELINE, small(count, seed=8_000))  # warm
    ready(options.project)
    tasks = len(batched([{"label": ""}] * count, joblib.cpu_count()))
    ours, theirs, airflows = alternate(
        repetitions,
        options.say,
        lambda number: drop(options.project, PIPELINE, small(count, seed=number)).seconds,
        lambda number: loop.seconds(small(count, seed=number)),
        lambda number: empty(options.project, tasks, number),
    )
    return [
        Figure(f"{count} configs to the last version", "s", ours, "plain loop", theirs, Aim("ratio", 1.0)),
        figure(tasks, airflows),
    ]
