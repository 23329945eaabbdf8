"""A thousand small configs at once, against joblib over all cores; and what that takes of memory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import memory
from benchmarks.by_hand import CORES, Workers
from benchmarks.configs import small
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop

PIPELINE = "thousand"


def run(options: Options) -> list[Figure]:
    """Return seconds to the last version, and peaks of memory, of a tenth as well: it must not grow with the number."""
    count, repetitions = options.size(1000, 40), options.size(3, 1)
    workers = Workers(options.project, PIPELINE, small(4 * CORES, seed=9_000))
    project = options.project
    drop(project, PIPELINE, small(8, seed=8_000))  # warm
    peaks: dict[str, list[float]] = {"tenth": [], "ours": [], "joblib": []}

    def ours(configs: dict[str, str], name: str) -> float:
        with memory.peak(lambda: memory.session(project.record()["parts"]["scheduler"]["pid"])) as peak:
            seconds = drop(project, PIPELINE, configs).seconds
        peaks[name].append(peak.mib)
        return seconds

    def joblib(configs: dict[str, str]) -> float:
        with memory.peak(memory.children) as peak:
            seconds = workers.seconds(configs)
        peaks["joblib"].append(peak.mib)
        return seconds

    _, seconds, theirs = alternate(
        repetitions,
        options.say,
        lambda number: ours(small(count // 10, seed=1_000 + number), "tenth"),
        lambda number: ours(small(count, seed=number), "ours"),
        lambda number: joblib(small(count, seed=number)),
    )
    return [
        Figure(f"{count} configs to the last version", "s", seconds, "joblib", theirs, Aim("ratio", 1.2)),
        *_memory(count, {name: tuple(values) for name, values in peaks.items()}),
    ]


def _memory(count: int, peaks: dict[str, tuple[float, ...]]) -> Iterator[Figure]:
    name = f"peak memory of scheduler and workers, {count} configs"
    yield Figure(name, "MiB", peaks["ours"], f"{count // 10} configs", peaks["tenth"], Aim("ratio", 1.1))
    yield Figure(name, "MiB", peaks["ours"], "joblib's workers", peaks["joblib"])
