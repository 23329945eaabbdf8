"""Work in a process of its own: its answer comes back, and what holds too much memory is stopped alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from dropforge.training import apart as module
from dropforge.training.apart import MB, Apart, StoppedError, apart, time_limit

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured by Linux alone")


def grow(megabytes: float) -> None:
    """Hold so much memory until somebody ends this process, or gives up on it."""
    held = np.ones(int(megabytes * MB), dtype=np.uint8)
    signal.sigtimedwait([], 40)
    assert held.all()


@pytest.fixture
def ended() -> Iterator[None]:
    """Nobody is left when the test is over; what other tests have begun does not count."""
    before = psutil.Process().children()
    yield
    assert [process for process in psutil.Process().children() if process not in before] == []


@pytest.mark.usefixtures("ended")
def test_answer_comes_back_from_another_process() -> None:
    assert apart(lambda: ("answer", os.getpid() != os.getppid()), 64) == ("answer", True)


def test_fit_of_many_threads_ends_where_the_parent_has_used_threads_as_well() -> None:
    features = np.random.default_rng(0).random((2000, 10))
    boosting = HistGradientBoostingClassifier(max_iter=2)

    def fit() -> int:
        boosting.fit(features, features[:, 0] > 0.5)
        return int(boosting.n_iter_)

    with threadpool_limits(2, "openmp"):
        assert (fit(), apart(fit, 4096)) == (2, 2)


def test_error_comes_back_and_says_where_it_was_raised() -> None:
    def broken_disk() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as raised:
        apart(broken_disk, 64)
    assert "in broken_disk" in "".join(raised.value.__notes__)


def test_error_that_cannot_be_sent_comes_back_as_its_text() -> None:
    class LocalError(Exception):
        pass

    def work() -> None:
        raise LocalError("the cause")

    with pytest.raises(RuntimeError, match=r"LocalError\('the cause'\)"):
        apart(work, 64)


@pytest.mark.usefixtures("ended")
def test_process_that_holds_more_than_its_limit_is_stopped_and_its_neighbour_is_not() -> None:
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(apart, lambda: grow(100), 40)
        small = pool.submit(apart, lambda: int(np.ones(10 * MB, dtype=np.uint8)[-1]), 40)
        assert small.result() == 1
        with pytest.raises(StoppedError) as raised:
            large.result()
    assert raised.value.why == "memory"


@LINUX
@pytest.mark.parametrize("kind", ["mapped file", "inherited", "reserved"])
def test_memory_that_others_share_or_that_is_only_reserved_does_not_count(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, context, measure = 100 * MB, get_context("fork"), module._held
    touched, seen = context.Event(), context.Event()
    (tmp_path / "rows").write_bytes(bytes(size))
    inherited = np.ones(size, dtype=np.uint8)

    def held(pid: int) -> int:
        ready, value = touched.is_set(), measure(pid)
        if ready:
            seen.set()
        return value

    def work() -> int:
        held = {
            "mapped file": lambda: np.memmap(tmp_path / "rows", mode="r"),
            "inherited": lambda: inherited,
            "reserved": lambda: np.empty(size, dtype=np.uint8),
        }[kind]()
        total = 0 if kind == "reserved" else int(np.max(held))
        touched.set()
        assert seen.wait(60)
        return total + len(held)

    monkeypatch.setattr(module, "_held", held)
    assert apart(work, 40) >= size


@pytest.mark.parametrize(
    ("number", "why"), [(signal.SIGKILL, "killed"), (signal.SIGUSR1, "crashed"), (signal.SIGALRM, "time")]
)
def test_end_without_an_answer_is_told_by_its_signal(number: signal.Signals, why: str) -> None:
    def work() -> None:
        with time_limit(60):
            os.kill(os.getpid(), number)

    with pytest.raises(StoppedError) as raised:
        apart(work, 64)
    assert (raised.value.why, raised.value.code) == (why, -number)


@LINUX
def test_the_kernel_takes_it_first_where_the_machine_runs_out_of_memory() -> None:
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert apart(lambda: int(Path("/proc/self/oom_score_adj").read_text()), 64) == 1000
    assert int(Path("/proc/self/oom_score_adj").read_text()) == own


@pytest.mark.usefixtures("ended")
def test_who_stops_waiting_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(pid: int) -> int:
        if pid == os.getpid():
            return 0
        raise KeyboardInterrupt

    def work() -> None:
        grow(1)
        (tmp_path / "went-on").touch()

    monkeypatch.setattr(module, "_held", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apart(work, 40)
    assert list(tmp_path.iterdir()) == []


@LINUX
@pytest.mark.slow
def test_killed_parent_takes_its_process_along() -> None:
    context = get_context("fork")
    reader, writer = context.Pipe(duplex=False)

    def work() -> None:
        writer.send(os.getpid())
        grow(1)

    parent = context.Process(target=apart, args=(work, 40))
    parent.start()
    process = psutil.Process(reader.recv())
    parent.kill()
    parent.join()
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("ended")
def test_a_process_is_used_again_until_it_keeps_much_memory() -> None:
    kept: list[np.ndarray] = []

    def work(megabytes: int) -> int:
        kept.append(np.ones(megabytes * MB, dtype=np.uint8))
        return os.getpid()

    with Apart(work, 100) as process:
        first, second, third = process.run(1), process.run(40), process.run(1)
    assert first == second
    assert third != second


def test_what_earlier_work_kept_does_not_count_against_the_next() -> None:
    kept: list[np.ndarray] = []

    def work(megabytes: int) -> int:
        kept.append(np.ones(megabytes * MB, dtype=np.uint8))
        return os.getpid()

    with Apart(work, 100) as process:
        assert process.run(20) == process.run(90)
