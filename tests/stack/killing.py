"""Kill parts of a running stack with SIGKILL: nobody has the time to tidy up."""

import contextlib
import os
import signal

import psutil

from dropforge.stack import processes
from tests.stack.project import until

# The task's process and the executor's worker that watches over it are two: each can die without the other.
VICTIMS = ("task", "worker", "scheduler", "triggerer", "api-server", "mlflow", "server", "stack")


def kill(project, victim, held=None):
    """Kill a part, and wait until it is started again; or kill what is at work on a task, or everything.

    Parameters
    ----------
    project : RunningProject
        The stack; after ``stack`` died it is for the caller to start it again.
    victim : str
        One of `VICTIMS`, or another part of the stack.
    held : int, optional
        The process that is held at a point: what dies is the task that it belongs to, or the task's worker.
    """
    if victim == "stack":
        sessions = {session["pid"] for session in project.record()["parts"].values()}
        os.kill(project.process.pid, signal.SIGKILL)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) in sessions:
                    process.kill()
        project.process.wait()
    elif victim in ("task", "worker"):
        worker, task = _worker_and_task(project, held)
        os.kill(task if victim == "task" else worker, signal.SIGKILL)
    else:
        old = project.record()["parts"][victim]["pid"]
        os.kill(old, signal.SIGKILL)
        until(lambda: project.record()["parts"][victim]["pid"] != old, f"{victim} is started again")


@contextlib.contextmanager
def away(project, part):
    """Kill a part with all that it started, and keep the supervisor from starting it again within the block."""
    project.process.send_signal(signal.SIGSTOP)
    try:
        processes.end(processes.Session(**project.record()["parts"][part]), 0)
        yield
    finally:
        project.process.send_signal(signal.SIGCONT)


def _worker_and_task(project, held):
    """Return the executor's worker that watches over a process, and the task's process: this one or its parent."""
    scheduler = project.record()["parts"]["scheduler"]["pid"]
    line = [held, *(process.pid for process in psutil.Process(held).parents())]
    task, worker = line[: line.index(scheduler)][-2:]
    return worker, task
