"""Five large models on 200,000 rows and 50 columns, against joblib over all cores."""

from __future__ import annotations

from benchmarks import memory, rows
from benchmarks.by_hand import CORES, Workers
from benchmarks.configs import config, large
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options, drop

PIPELINE = "large"


def run(options: Options) -> list[Figure]:
    """Return the seconds from the drop to the last version, and peaks of memory, beside joblib's."""
    project = options.project
    rows.write_large(project.home, *options.size((200_000, 50), (4_000, 10)))
    warm_up = {f"warm-{i}.json": config("tree.DecisionTreeClassifier", max_depth=2 + i) for i in range(2 * CORES)}
    workers = Workers(project, PIPELINE, warm_up)
    drop(project, PIPELINE, {"warm.json": warm_up["warm-0.json"]})
    peaks: list[float] = []
    joblib_peaks: list[float] = []

    def ours(number: int) -> float:
        with memory.peak(lambda: memory.session(project.record()["parts"]["scheduler"]["pid"])) as peak:
            seconds = drop(project, PIPELINE, large(number)).seconds
        peaks.append(peak.mib)
        return seconds

    def joblib(number: int) -> float:
        with memory.peak(memory.children) as peak:
            seconds = workers.seconds(large(number))
        joblib_peaks.append(peak.mib)
        return seconds

    seconds, theirs = alternate(options.size(3, 1), options.say, ours, joblib)
    return [
        Figure("5 large configs to the last version", "s", seconds, "joblib", theirs, Aim("ratio", 1.1)),
        Figure(
            "peak memory of scheduler and workers, 5 large configs",
            "MiB",
            tuple(peaks),
            "joblib's workers",
            tuple(joblib_peaks),
        ),
    ]
