"""Five large models on 200,000 rows and 50 columns, against joblib over all cores."""

from __future__ import annotations

from benchmarks import memory, rows
from benchmarks.by_hand import CORES, Workers
from benchmarks.configs import config, large
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop

PIPELINE = "large"


def run(options: Options) -> list[Figure]:
    """Return the seconds from the drop to the last version, and, of runs of their own, the peaks of memory."""
    project, repetitions = options.project, options.repetitions(3, 1)
    rows.write_large(project.home, *options.size((200_000, 50), (4_000, 10)))
    warm_up = {f"warm-{i}.json": config("tree.DecisionTreeClassifier", max_depth=2 + i) for i in range(2 * CORES)}
    workers = Workers(project, PIPELINE, warm_up)
    drop(project, PIPELINE, {"warm.json": warm_up["warm-0.json"]})

    def ours(number: int) -> float:
        return drop(project, PIPELINE, large(number)).seconds

    def joblib(number: int) -> float:
        return workers.seconds(large(number))

    def memory_of_ours(number: int) -> float:
        with memory.peak(lambda: memory.workers_of(project)) as peak:
            ours(repetitions + number)
        return peak.mib

    def memory_of_joblib(number: int) -> float:
        with memory.peak(memory.workers_of_joblib) as peak:
            joblib(repetitions + number)
        return peak.mib

    seconds, theirs = alternate(repetitions, options.say, ours, joblib)
    peaks, their_peaks = alternate(repetitions, options.say, memory_of_ours, memory_of_joblib)
    name = "peak memory of scheduler and workers, 5 large configs"
    return [
        Figure("5 large configs to the last version", "s", seconds, "joblib", theirs, Aim("ratio", 1.1)),
        Figure(name, "MiB", peaks, "joblib's workers", their_peaks),
    ]
