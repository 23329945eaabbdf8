"""A thousand small configs at once, against joblib over all cores; and what that takes of memory."""

from __future__ import annotations

from benchmarks import memory
from benchmarks.by_hand import CORES, Workers
from benchmarks.configs import small
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop

PIPELINE = "thousand"


def run(options: Options) -> list[Figure]:
    """Return seconds to the last version, and peaks of memory, of a tenth as well: it must not grow with the number.

    The peak is that of the timed runs, looked at so rarely that it does not slow them; they are long enough for that.
    """
    count, rarely = options.size(1000, 40), options.size(10.0, 2.0)
    project = options.project
    workers = Workers(project, PIPELINE, small(4 * CORES, seed=9_000))
    drop(project, PIPELINE, small(8, seed=8_000))  # warm
    peaks: dict[str, list[float]] = {"tenth": [], "ours": [], "joblib": []}

    def tenth(number: int) -> float:
        with memory.peak(lambda: memory.workers_of(project)) as peak:
            seconds = drop(project, PIPELINE, small(count // 10, seed=1_000 + number)).seconds
        peaks["tenth"].append(peak.mib)
        return seconds

    def ours(number: int) -> float:
        with memory.peak(lambda: memory.workers_of(project), rarely) as peak:
            seconds = drop(project, PIPELINE, small(count, seed=number)).seconds
        peaks["ours"].append(peak.mib)
        return seconds

    def joblib(number: int) -> float:
        with memory.peak(memory.workers_of_joblib, rarely) as peak:
            seconds = workers.seconds(small(count, seed=number))
        peaks["joblib"].append(peak.mib)
        return seconds

    _, seconds, theirs = alternate(options.repetitions(3, 1), options.say, tenth, ours, joblib)
    found = {name: tuple(values) for name, values in peaks.items()}
    memory_name = f"peak memory of scheduler and workers, {count} configs"
    return [
        Figure(f"{count} configs to the last version", "s", seconds, "joblib", theirs, Aim("ratio", 1.2)),
        Figure(memory_name, "MiB", found["ours"], f"{count // 10} configs", found["tenth"], Aim("ratio", 1.1)),
        Figure(memory_name, "MiB", found["ours"], "joblib's workers", found["joblib"]),
    ]
