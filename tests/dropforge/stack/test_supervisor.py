"""Parts are started, started again when they die, and ended with all that they started. Real processes, no Airflow."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from dropforge.documents import UserError
from dropforge.project import Project
from dropforge.stack import supervisor as module
from dropforge.stack.parts import Part
from dropforge.stack.ports import choose
from dropforge.stack.processes import Session, end, start
from dropforge.stack.supervisor import Supervisor, status, stop, sweep
from tests.waiting import until

pytestmark = pytest.mark.slow

# A parent whose child leaves the process group and overwrites its environment, as Airflow's workers do.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import os, time; os.setpgid(0, 0); time.sleep(600)"], env={})
print(child.pid, flush=True)
time.sleep(600)
"""


# `dropforge up` with one part that only waits. Its first argument is the folder.
UP = """
import signal, sys
from pathlib import Path
from dropforge.documents import UserError
from dropforge.project import Project
from dropforge.stack import supervisor
from dropforge.stack.parts import Part
from dropforge.stack.ports import choose
signal.signal(signal.SIGHUP, signal.SIG_IGN if "nohup" in sys.argv else signal.SIG_DFL)
def waits(name, code):
    return Part(name, (sys.executable, "-c", code), lambda: True, needs_tables=False)
supervisor.MIGRATION = waits("migration", "pass")
addresses, _ = choose("127.0.0.1", dict.fromkeys(("airflow", "mlflow", "server"), 0))
mine = supervisor.Supervisor(Project(Path(sys.argv[1])), addresses, lambda line: print(line, flush=True))
mine.parts = (waits("worker", "import time; time.sleep(600)"),)
try:
    mine.run(lambda: print("up", flush=True))
except UserError as error:
    sys.exit(str(error))
"""


def part(name, code, ready=lambda: True):
    return Part(name, (sys.executable, "-c", code), ready, needs_tables=False)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def handlers():
    """Give this process its signal handlers back, which a supervisor in its main thread takes for good."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def supervise(project, monkeypatch):
    """Return a function that supervises parts in a thread; it gives what is said, and the supervisor."""
    monkeypatch.setattr(module, "MIGRATION", part("migration", "pass"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # only the main thread may set handlers
    running = []

    def begin(*parts):
        said = []
        addresses, _ = choose("127.0.0.1", dict.fromkeys(("airflow", "mlflow", "server"), 0))
        mine = Supervisor(project, addresses, said.append)
        mine.parts = parts
        thread = threading.Thread(target=mine.run, args=(lambda: said.append("ready"),))
        thread.start()
        running.append((mine, thread))
        until(lambda: "ready" in said)
        return mine, said

    yield begin
    for mine, thread in running:
        mine.stopping.set()
        thread.join()


@pytest.fixture
def up(project):
    """Return a function that starts `up` in a process; all are ended."""
    started = []

    def begin(*arguments):
        command = [sys.executable, "-c", UP, str(project.home), *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))  # noqa: S603
        return started[-1]

    yield begin
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


def said_up(process):
    return any(line == "up\n" for line in process.stdout)


def test_a_session_is_ended_with_children_that_left_its_group_and_lost_its_environment(tmp_path):
    log = tmp_path / "family.log"
    process, session = start((sys.executable, "-c", FAMILY), os.environ, log)
    child = int(until(lambda: log.read_text().strip()))
    end(session, 1)
    process.wait()
    assert not psutil.pid_exists(child)
    assert not session.alive


def test_a_session_whose_number_went_to_another_process_is_left_alone():
    me = psutil.Process()
    end(Session(me.pid, me.create_time() - 1000), 0)  # this process itself would be ended otherwise


def test_a_dead_part_is_started_again_and_what_it_started_is_ended(supervise):
    mine, said = supervise(part("worker", FAMILY), part("other", "import time; time.sleep(600)"))
    log = mine.project.log("worker")
    child = int(until(lambda: log.read_text().strip()))
    old = mine.running["worker"].pid
    os.kill(old, signal.SIGKILL)
    until(lambda: mine.running["worker"].pid != old)
    assert "worker ended (by signal SIGKILL); it is started again" in said
    until(lambda: not psutil.pid_exists(child))
    assert mine.running["other"].poll() is None

    def recorded() -> int:
        return json.loads(mine.project.stack_file.read_text())["parts"]["worker"]["pid"]

    until(lambda: recorded() == mine.running["worker"].pid)  # written once the part has been started


def test_a_part_that_dies_again_and_again_is_started_after_growing_pauses(supervise):
    _, said = supervise(part("crasher", "import time; time.sleep(0.3)"))
    until(lambda: sum("crasher ended" in line for line in said) >= 3)
    again = [line.rpartition("again")[2] for line in said if "crasher ended" in line]
    assert again[:3] == ["", " in 1 s", " in 3 s"]


def test_status_names_the_parts_and_stopping_leaves_nothing(supervise, project):
    mine, said = supervise(part("worker", FAMILY))
    assert status(project)["running"]
    assert status(project)["parts"] == {"worker": True}
    session = mine.sessions["worker"]
    mine.stopping.set()
    until(lambda: not project.stack_file.exists())
    assert "ending the stack" in said
    assert not session.alive
    assert status(project) == {"running": False, "addresses": {}, "parts": {}}


@pytest.mark.usefixtures("handlers")
def test_a_half_started_stack_is_cleaned_up_and_the_log_says_why(project, monkeypatch):
    monkeypatch.setattr(module, "MIGRATION", part("migration", "pass"))
    addresses, _ = choose("127.0.0.1", dict.fromkeys(("airflow", "mlflow", "server"), 0))
    mine = Supervisor(project, addresses, lambda _: None)
    mine.parts = (
        part("good", "import time; time.sleep(600)", ready=lambda: False),
        part("bad", "raise SystemExit('no port left')"),
    )
    with pytest.raises(UserError) as caught:
        mine.run(lambda: None)
    assert "bad ended while it started" in str(caught.value)
    assert "no port left" in str(caught.value)
    assert not mine.sessions["good"].alive
    assert not project.stack_file.exists()


def test_what_a_killed_supervisor_left_behind_is_swept(project, tmp_path):
    process, session = start((sys.executable, "-c", FAMILY), os.environ, tmp_path / "family.log")
    child = int(until(lambda: (tmp_path / "family.log").read_text().strip()))
    project.state.mkdir()
    gone = {"pid": 2**22 - 1, "created": time.time(), "addresses": {}, "parts": {"worker": vars(session)}}
    project.stack_file.write_text(json.dumps(gone))
    assert project.address("mlflow") is None
    sweep(project)
    process.wait()
    assert not psutil.pid_exists(child)
    assert not project.stack_file.exists()
    assert stop(project) is False


def test_a_closed_terminal_ends_the_stack(up, project):
    process = up()
    assert said_up(process)
    worker = Session(**project.stack_record()["parts"]["worker"])
    process.stdout.close()  # what it says from now on fails
    process.send_signal(signal.SIGHUP)
    process.wait(20)
    assert not worker.alive
    assert not project.stack_file.exists()


def test_a_closed_terminal_does_not_matter_under_nohup(up, project):
    process = up("nohup")
    assert said_up(process)
    process.send_signal(signal.SIGHUP)
    worker = project.stack_record()["parts"]["worker"]["pid"]
    os.kill(worker, signal.SIGKILL)
    until(lambda: project.stack_record()["parts"]["worker"]["pid"] != worker)  # it goes on tending its parts
    assert process.poll() is None
    assert status(project)["parts"] == {"worker": True}


def test_the_stack_ends_though_nothing_can_be_said(supervise, project):
    mine, _ = supervise(part("worker", FAMILY))
    session = mine.sessions["worker"]

    def dead(_):
        raise OSError(5, "Input/output error")

    mine.say = dead
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        mine.stopping.set()
        until(lambda: not project.stack_file.exists())
    assert not session.alive


def test_of_two_stacks_that_start_at_once_one_is_refused(up, supervise, project, monkeypatch):
    began, go_on = threading.Event(), threading.Event()

    def slow(_):
        began.set()
        go_on.wait(20)

    monkeypatch.setattr(module, "prepare", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(supervise, part("worker", "import time; time.sleep(600)"))
        assert began.wait(20)
        second = up()
        assert second.wait(20) == 1
        assert "the stack of this project is up already" in second.stderr.read()
        go_on.set()
        mine, _ = first.result()
    mine.stopping.set()
    until(lambda: not project.stack_file.exists())
    assert said_up(up())  # nothing is left that would hinder the next


def test_stopping_a_supervisor_that_does_not_end_says_so(project, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as stubborn:  # noqa: S603
        stubborn.stdout.readline()
        project.state.mkdir()
        created = psutil.Process(stubborn.pid).create_time()
        record = {"pid": stubborn.pid, "created": created, "addresses": {}, "parts": {}}
        project.stack_file.write_text(json.dumps(record))
        with pytest.raises(UserError) as caught:
            stop(project)
        (problem,) = caught.value.problems
        assert f"not down: its supervisor, process {stubborn.pid}" in problem.message
        assert f"kill -KILL {stubborn.pid}" in problem.remedy
        assert project.stack_file.exists()
        stubborn.kill()


@pytest.mark.timeout(60)
def test_a_supervisor_that_has_ended_is_down_although_its_parent_never_asks(project, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 600)
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:  # noqa: S603
        pid = int(parent.stdout.readline())
        project.state.mkdir()
        record = {"pid": pid, "created": psutil.Process(pid).create_time(), "addresses": {}, "parts": {}}
        project.stack_file.write_text(json.dumps(record))
        assert stop(project) is True
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert not project.stack_file.exists()
        parent.stdin.close()
