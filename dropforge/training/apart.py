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
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import psutil

T = TypeVar("T")

MB = 2**20
LOOK_SECONDS = 0.05  # fresh memory comes at some GB/s: a limit is overrun by 100 or 200 MB at most
KEPT_SHARE = 0.25  # of its limit: a process that keeps more from earlier work is not used again
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


class Apart(Generic[T]):
    """A forked process that does one piece of work after another, and ends with its parent.

    It inherits imported libraries and data. Where it was stopped, or holds on to much memory, the next piece of work
    gets a new one: a fork of a large process, cold as it is, costs as much as a small fit.

    Parameters
    ----------
    function : callable
        What does the work; it is inherited, and may be anything. Its arguments, and its result or the exception that
        it raises, must survive pickling.
    memory_mb : float
        What the process may come to hold during one piece of work, in MB of 2**20 bytes. What it inherits does not
        count, nor do pages of mapped files and address space that was only reserved. Only this process is measured,
        as no fit has child processes: joblib is told to use threads.
    """

    def __init__(self, function: Callable[..., T], memory_mb: float) -> None:
        self.function, self.memory_mb = function, memory_mb
        self._process: BaseProcess | None = None
        self._inherited = 0

    def __enter__(self) -> Apart[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, *arguments: Any) -> T:
        """Return what the function makes of the arguments.

        Raises
        ------
        StoppedError
            If the process came to its end before the work did.
        """
        process = self._process or self._start()
        allowed = max(self._inherited, _held(process.pid or 0)) + self.memory_mb * MB
        try:
            self._line.send(arguments)
            # The line also ends when the process does.
            while not self._line.poll(LOOK_SECONDS):
                if _held(process.pid or 0) > allowed:
                    raise StoppedError("memory", -signal.SIGKILL)
            ok, answer = self._line.recv()
        except (EOFError, OSError):
            with _forking:  # who starts a process collects the exit codes of those that have ended
                process.join()
            code = process.exitcode or 0
            self._end()
            reasons: dict[int, Literal["time", "killed"]] = {-signal.SIGALRM: "time", -signal.SIGKILL: "killed"}
            raise StoppedError(reasons.get(code, "crashed"), code) from None
        except BaseException:
            self._end()  # whatever ends the waiting ends the work
            raise
        if _held(process.pid or 0) - self._inherited > KEPT_SHARE * self.memory_mb * MB:
            self._end()
        if not ok:
            raise answer
        return answer

    def _start(self) -> BaseProcess:
        context = multiprocessing.get_context("fork")
        with _forking:
            self._line, line = context.Pipe()
            process = context.Process(target=_serve, args=(self.function, line))
            self._inherited = _held(os.getpid())
            process.start()
            line.close()
        self._process = process
        return process

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.join()
            self._line.close()
            self._process = None


def apart(work: Callable[[], T], memory_mb: float) -> T:
    """Do one piece of work in a process of its own; see :class:`Apart`."""
    with Apart(work, memory_mb) as process:
        return process.run()


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Have the kernel end this process when the block takes longer, even where it never returns to Python.

    For work of :class:`Apart`, which leaves that signal to the kernel.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _serve(function: Callable[..., Any], line: Connection) -> None:
    """For each set of arguments, send whether the work went well, and its result or exception."""
    _end_first()
    # Who ends a task signals its whole group. That is said to the parent; here it would look like a failed fit.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Where the parent has used OpenMP, this thread believes in helpers that no fork copies, and would wait for them
    # for ever (GNU's libgomp keeps them by thread). A new thread starts its own.
    worker = threading.Thread(target=_work, args=(function, line))
    worker.start()
    worker.join()


def _work(function: Callable[..., Any], line: Connection) -> None:
    """Answer one set of arguments after another, until the parent hangs up."""
    with contextlib.suppress(EOFError):
        while True:
            arguments = line.recv()
            try:
                answer = (True, function(*arguments))
            except Exception as error:
                answer = (False, _portable(error))
            sys.stdout.flush()
            sys.stderr.flush()
            line.send(answer)


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
