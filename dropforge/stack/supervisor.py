"""Start the stack, keep each of its parts alive, and end all of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
from filelock import FileLock, Timeout

from dropforge.documents import Problem, UserError, explain, write_whole
from dropforge.project import Project
from dropforge.stack import processes
from dropforge.stack.environment import environment
from dropforge.stack.parts import MIGRATION, Part, parts, prepare
from dropforge.stack.ports import Addresses
from dropforge.stack.processes import Session

Say = Callable[[str], None]

READY_SECONDS = 240.0
PATIENCE_SECONDS = 5.0
STOP_SECONDS = 60.0
RECENT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 30.0


class Supervisor:
    """A running stack.

    Parameters
    ----------
    project : Project
        The project.
    addresses : Addresses
        Where the parts shall answer.
    say : callable
        Takes a line for the user.
    """

    def __init__(self, project: Project, addresses: Addresses, say: Say) -> None:
        self.project, self.addresses, self.say = project, addresses, say
        self.environment: dict[str, str] = {}
        self.parts = parts(project, addresses)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.sessions: dict[str, Session] = {}
        self.deaths: dict[str, list[float]] = {}
        self.due: dict[str, float] = {}
        self.stopping = threading.Event()

    def run(self, on_ready: Callable[[], None], on_wait: Callable[[int], None] = lambda _: None) -> None:
        """Start everything, call ``on_ready``, and supervise until a signal or :func:`stop` ends it.

        Parameters
        ----------
        on_ready : callable
            Called once all parts are ready.
        on_wait : callable, optional
            Until then takes, several times a second, how many parts are.

        Raises
        ------
        UserError
            If a stack of this project runs already, or a part does not become ready; nothing is left running.
        """
        self.project.state.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.project.state / "up.lock", blocking=False):
                self._run(on_ready, on_wait)
        except Timeout as error:
            raise UserError(
                Problem("the stack of this project is up already", "See 'dropforge status', or 'dropforge down'.")
            ) from error

    def _run(self, on_ready: Callable[[], None], on_wait: Callable[[int], None]) -> None:
        sweep(self.project)
        self.environment = environment(self.project, self.addresses)
        for number in _ends():
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            self._start_all(on_wait)
            if not self.stopping.is_set():
                on_ready()
            while not self.stopping.wait(0.3):
                self._tend()
        finally:
            try:
                self.say("ending the stack")  # may fail: the terminal can be gone
            finally:
                self._end()

    def _start_all(self, on_wait: Callable[[int], None]) -> None:
        began = time.monotonic()
        self.say("making the databases")
        prepare(self.project)
        self._start(MIGRATION)
        for part in self.parts:
            if not part.needs_tables:
                self._start(part)
        self._await_tables(on_wait)
        for part in self.parts:
            if part.needs_tables and not self.stopping.is_set():
                self._start(part)
        waiting = list(self.parts)
        while waiting and not self.stopping.wait(0.2):
            on_wait(len(self.parts) - len(waiting))
            for part in list(waiting):
                if self.running[part.name].poll() is not None:
                    raise self._broken(part, "ended while it started")
                if part.ready():
                    waiting.remove(part)
                    self.say(f"{part.name} is ready ({time.monotonic() - began:.0f} s)")
            if time.monotonic() - began > READY_SECONDS:
                raise self._broken(waiting[0], f"is not ready after {READY_SECONDS:.0f} s")

    def _await_tables(self, on_wait: Callable[[int], None]) -> None:
        migration = self.running.pop(MIGRATION.name)
        while (code := migration.poll()) is None and not self.stopping.wait(0.1):
            on_wait(0)
        if code:
            raise self._broken(MIGRATION, "could not make Airflow's tables")
        if code == 0:
            del self.sessions[MIGRATION.name]
            self._write_record()

    def _start(self, part: Part) -> None:
        self.running[part.name], self.sessions[part.name] = processes.start(
            part.command, self.environment, self.project.log(part.name)
        )
        self._write_record()

    def _broken(self, part: Part, what: str) -> UserError:
        log = self.project.log(part.name)
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
        return UserError(Problem(f"{part.name} {what}:\n{tail}", f"The whole log: {log}"))

    def _tend(self) -> None:
        """Start dead parts again: at once at first, later after growing pauses."""
        now = time.monotonic()
        for part in self.parts:
            if part.name in self.due:
                if now >= self.due[part.name]:
                    del self.due[part.name]
                    try:
                        self._start(part)
                    except OSError as error:  # a full disk must not end what still runs
                        self.say(f"{part.name} could not be started: {explain(error, self.project.state) or error}")
                        if self.running[part.name].poll() is not None:  # else only the record could not be written
                            self.due[part.name] = now + LONGEST_PAUSE_SECONDS
            elif (code := self.running[part.name].poll()) is not None:
                # What it started may live on, and would do its work twice.
                processes.end(self.sessions[part.name], 0)
                recent = [death for death in self.deaths.get(part.name, []) if now - death < RECENT_SECONDS]
                self.deaths[part.name] = [*recent, now]
                pause = min(2.0 ** len(recent) - 1, LONGEST_PAUSE_SECONDS)
                self.due[part.name] = now + pause
                when = f" in {pause:.0f} s" if pause else ""
                self.say(f"{part.name} ended ({_how(code)}); it is started again{when}")

    def _write_record(self) -> None:
        me = psutil.Process()
        record = {
            "pid": me.pid,
            "created": me.create_time(),
            "addresses": {name: self.addresses.url(name) for name in self.addresses.ports},
            "parts": {name: vars(session) for name, session in self.sessions.items()},
        }
        write_whole(self.project.stack_file, json.dumps(record, indent=2).encode())

    def _end(self) -> None:
        # From here on a second Ctrl-C changes nothing: the end takes some seconds at most.
        for number in _ends():
            signal.signal(number, signal.SIG_IGN)
        _end_all(list(self.sessions.values()), PATIENCE_SECONDS)
        self.project.stack_file.unlink(missing_ok=True)


def status(project: Project) -> dict[str, Any]:
    """Return whether a project's stack runs, where it answers, and whether each part lives."""
    record = project.stack_record()
    running = bool(record) and _supervisor(record).alive
    return {
        "running": running,
        "addresses": record["addresses"] if running else {},
        "parts": {name: session.alive for name, session in _sessions(record).items()} if running else {},
    }


def stop(project: Project) -> bool:
    """End a project's stack; return whether one ran.

    Raises
    ------
    UserError
        If its supervisor does not end.
    """
    record = project.stack_record()
    if not record:
        return False
    ran = _supervisor(record).alive
    if ran:
        with contextlib.suppress(ProcessLookupError):
            os.kill(record["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        # One that has ended, and whose parent has not asked for its exit code yet, is not alive.
        while (alive := _supervisor(record).alive) and time.monotonic() < deadline:
            time.sleep(0.05)
        if alive:
            raise UserError(
                Problem(
                    f"the stack is not down: its supervisor, process {record['pid']}, lives after {STOP_SECONDS:.0f} s",
                    f"Wait and try again, or 'kill -KILL {record['pid']}', then 'dropforge down' ends what it leaves.",
                )
            )
    sweep(project)
    return ran


def sweep(project: Project) -> None:
    """End what a killed supervisor left behind."""
    record = project.stack_record()
    if record and not _supervisor(record).alive:
        _end_all(list(_sessions(record).values()), 0)
        project.stack_file.unlink(missing_ok=True)


def _ends() -> list[signal.Signals]:
    """Return the signals that end a stack: a closed terminal's too, unless it is ignored (nohup)."""
    closed = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *closed]


def _end_all(sessions: list[Session], patience: float) -> None:
    if sessions:
        with ThreadPoolExecutor(len(sessions)) as pool:
            list(pool.map(lambda session: processes.end(session, patience), sessions))


def _supervisor(record: dict[str, Any]) -> Session:
    return Session(record["pid"], record["created"])


def _sessions(record: dict[str, Any]) -> dict[str, Session]:
    return {name: Session(**session) for name, session in record.get("parts", {}).items()}


def _how(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
