"""Start the stack, keep each of its parts alive, and end all of it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from dropforge.documents import Problem, UserError
from dropforge.project import Project
from dropforge.stack import processes
from dropforge.stack.environment import environment
from dropforge.stack.parts import Part, parts, prepare
from dropforge.stack.ports import Addresses

Say = Callable[[str], None]

READY_SECONDS = 180.0
PATIENCE_SECONDS = 5.0
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
        self.token = secrets.token_hex(8)
        self.environment = environment(project, addresses, self.token)
        self.parts = parts(project, addresses)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.deaths: dict[str, list[float]] = {}
        self.due: dict[str, float] = {}
        self.stopping = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start everything, call ``on_ready``, and supervise until a signal or :func:`stop` ends it.

        Raises
        ------
        UserError
            If a stack of this project runs already, or a part does not become ready; nothing is left running.
        """
        self._refuse_second()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stopping.set())
        self._write_record()
        try:
            self._start_all()
            if not self.stopping.is_set():
                self._write_record()
                on_ready()
            while not self.stopping.wait(0.3):
                self._tend()
        finally:
            self.say("ending the stack")
            self._end()

    def _refuse_second(self) -> None:
        if status(self.project)["running"]:
            raise UserError(
                Problem("the stack of this project is up already", "See 'dropforge status', or 'dropforge down'.")
            )
        sweep(self.project)

    def _start_all(self) -> None:
        self.project.state.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        waiting = {part.name: part for part in self.parts}
        with ThreadPoolExecutor(1) as pool:
            tables = pool.submit(prepare, self.project, self.environment)
            self.say("making the databases")
            while not tables.done() and not self.stopping.is_set():
                self.stopping.wait(0.1)
            if self.stopping.is_set():
                processes.end_all(self.token)
                return
            try:
                tables.result()
            except subprocess.CalledProcessError as error:
                raise UserError(
                    Problem(
                        f"Airflow's database cannot be made:\n{error.stderr[-2000:]}",
                        "Look at the last lines.",
                    )
                ) from error
        for part in self.parts:
            self._start(part)
        self._write_record()
        while waiting and not self.stopping.is_set():
            for part in list(waiting.values()):
                if self.running[part.name].poll() is not None:
                    raise self._broken(part, "ended while it started")
                if part.ready():
                    del waiting[part.name]
                    self.say(f"{part.name} is ready ({time.monotonic() - began:.0f} s)")
            if time.monotonic() - began > READY_SECONDS:
                raise self._broken(next(iter(waiting.values())), f"is not ready after {READY_SECONDS:.0f} s")
            self.stopping.wait(0.2)

    def _start(self, part: Part) -> None:
        log = self.project.state / "logs" / f"{part.name}.log"
        self.running[part.name] = processes.start(part, self.environment, log)

    def _broken(self, part: Part, what: str) -> UserError:
        log = self.project.state / "logs" / f"{part.name}.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
        return UserError(Problem(f"{part.name} {what}:\n{tail}", f"The whole log: {log}"))

    def _tend(self) -> None:
        """Start dead parts again: at once at first, later after growing pauses."""
        now = time.monotonic()
        for part in self.parts:
            if part.name in self.due:
                if now >= self.due[part.name]:
                    del self.due[part.name]
                    self._start(part)
                    self._write_record()
            elif (code := self.running[part.name].poll()) is not None:
                # Its children may live on and would do its work twice.
                processes.end(processes.belonging(self.token, part.name), 0)
                recent = [death for death in self.deaths.get(part.name, []) if now - death < RECENT_SECONDS]
                self.deaths[part.name] = [*recent, now]
                pause = min(2.0 ** len(recent) - 1, LONGEST_PAUSE_SECONDS)
                self.due[part.name] = now + pause
                self.say(
                    f"{part.name} ended ({_how(code)}); it is started again{f' in {pause:.0f} s' if pause else ''}"
                )

    def _write_record(self) -> None:
        me = psutil.Process()
        record = {
            "pid": me.pid,
            "created": me.create_time(),
            "token": self.token,
            "addresses": {name: self.addresses.url(name) for name in self.addresses.ports},
            "parts": {name: process.pid for name, process in self.running.items()},
        }
        self.project.state.mkdir(parents=True, exist_ok=True)
        draft = self.project.stack_file.with_suffix(".new")
        draft.write_text(json.dumps(record, indent=2))
        draft.replace(self.project.stack_file)

    def _end(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: processes.end_all(self.token))
        # Each part first, so that it can end its own children in order; then whatever is left.
        leaders = []
        for process in self.running.values():
            try:
                leaders.append(psutil.Process(process.pid))
            except psutil.NoSuchProcess:
                continue
        processes.end(leaders, PATIENCE_SECONDS)
        processes.end_all(self.token)
        self.project.stack_file.unlink(missing_ok=True)


def status(project: Project) -> dict[str, Any]:
    """Return whether a project's stack runs, where it answers, and each part's process."""
    record = project.stack_record()
    running = bool(record) and processes.is_running(record["pid"], record["created"])
    alive = {name: psutil.pid_exists(pid) for name, pid in record.get("parts", {}).items()} if running else {}
    return {"running": running, "addresses": record.get("addresses", {}) if running else {}, "parts": alive}


def stop(project: Project) -> bool:
    """End a project's stack; return whether one ran."""
    record: Mapping[str, Any] = project.stack_record()
    if not record:
        return False
    ran = processes.is_running(record["pid"], record["created"])
    if ran:
        os.kill(record["pid"], signal.SIGTERM)
        processes_left = [psutil.Process(record["pid"])]
        psutil.wait_procs(processes_left, timeout=30)
    sweep(project)
    return ran


def sweep(project: Project) -> None:
    """End what a killed supervisor left behind."""
    record = project.stack_record()
    if record and not processes.is_running(record["pid"], record["created"]):
        processes.end_all(record["token"])
        project.stack_file.unlink(missing_ok=True)


def _how(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
