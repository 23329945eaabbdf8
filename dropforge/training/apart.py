"""Run work in a process of its own, within limits, so that it can be stopped without harm to anything else."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil

T = TypeVar("T")

MB = 2**20
LOOK_SECONDS = 0.05  # fresh memory comes at some GB/s: a limit is overrun by 100 or 200 MB at most
# Two forks at once would each inherit the other's pipe, and hold it open.
_forking = threading.Lock()


class StoppedError(Exception):
    """The process ended without an answer.

    Parameters
    ----------
    why : str
        ``memory`` or ``time``: over that limit; ``killed``: by someone else, mostly the kernel as the machine had no
        memory left; ``crashed``: a library ended it.
    code : int
        The exit code: a signal's number is negative.
    """

    def __init__(self, why: Literal["memory", "time", "killed", "crashed"], code: int) -> None:
        super().__init__(f"{why} (exit code {code})")
        self.why = why
        self.code = code


def apart(work: Callable[[], T], memory_mb: float) -> T:
    """Run ``work`` in a forked process, which inherits imported libraries and data, and ends with its parent.

    Parameters
    ----------
    work : callable
        Its result, or the exception that it raises, must survive pickling.
    memory_mb : float
        What the process may come to hold beyond what it inherits, in MB of 2**20 bytes. Pages of mapped files, address
        space that was only reserved, and inherited pages don't count. Only this process is measured, as no fit has
        child processes: joblib is told to use threads.

    Raises
    ------
    StoppedError
        If the process came to its end before the work did.
    """
    context = multiprocessing.get_context("fork")
    with _forking:
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_answer, args=(work, writer))
        allowed = _held(os.getpid()) + memory_mb * MB
        process.start()
        writer.close()
    try:
        # The pipe also ends when the process does.
        while not reader.poll(LOOK_SECONDS):
            if _held(process.pid or 0) > allowed:
                raise StoppedError("memory", -signal.SIGKILL)
        ok, answer = reader.recv()
    except (EOFError, OSError):
        with _forking:  # who starts a process collects the exit codes of those that have ended
            process.join()
        code = process.exitcode or 0
        reasons: dict[int, Literal["time", "killed"]] = {-signal.SIGALRM: "time", -signal.SIGKILL: "killed"}
        raise StoppedError(reasons.get(code, "crashed"), code) from None
    finally:
        # Whatever ends the waiting ends the process. Where there is an answer, nothing is left to do in it.
        process.kill()
        process.join()
        reader.close()
    if not ok:
        raise answer
    return answer


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Have the kernel end this process when the block takes longer, even where it never returns to Python."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(work: Callable[[], Any], writer: Connection) -> None:
    """Send whether the work went well, and its result or exception."""
    _end_first()
    # Who ends a task signals its whole group. That is said to the parent; here it would look like a failed fit.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        answer = (True, work())
    except Exception as error:
        answer = (False, _portable(error))
    sys.stdout.flush()
    sys.stderr.flush()
    writer.send(answer)


def _portable(error: Exception) -> Exception:
    """Return the error with its traceback as a note; another one with its text if it would not survive pickling."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:
        error = RuntimeError(repr(error))
    error.add_note(f"In a process of its own:\n{text}")
    return error


def _end_first() -> None:
    """Have the kernel end this process with its parent, and before all others where memory runs out (Linux only)."""
    if sys.platform == "linux":
        pr_set_pdeathsig: Any = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        with contextlib.suppress(OSError):  # some containers mount /proc read-only
            Path("/proc/self/oom_score_adj").write_text("1000")


def _held(pid: int) -> int:
    """Return the bytes of memory that are a process's own, swapped out or not; 0 if it has ended.

    Elsewhere than on Linux mapped files count as well.
    """
    try:
        if sys.platform != "linux":
            return int(psutil.Process(pid).memory_info().rss)
        status = Path(f"/proc/{pid}/status").read_text()
    except (OSError, psutil.Error):
        return 0
    return 1024 * sum(int(size) for size in re.findall(r"^(?:RssAnon|VmSwap):\s*(\d+) kB$", status, re.M))
