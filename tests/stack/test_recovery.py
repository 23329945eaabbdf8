"""Parts die, the stack goes down and comes back: nothing is lost, nothing is doubled."""

import os
import signal
import socket

import pytest

from tests.dropforge.disks import mounted
from tests.stack.killing import kill
from tests.stack.project import until
from tests.stack.test_train import by_file, tree


@pytest.mark.parametrize("part", ["api-server", "dag-processor"])
def test_a_killed_part_is_started_again_and_said(project, part):
    kill(project, part)
    assert f"{part} ended (by signal SIGKILL); it is started again" in project.said()


def test_a_drop_while_the_stack_is_down_is_trained_when_it_is_up_again(project):
    champions = {name: project.champion(name) for name in ("timed", "prompt")}
    assert project.cli("down").strip() == "the stack is down"
    project.process.wait(60)
    until(lambda: project.strays() == [], "no process is left", 10)
    for address in project.addresses.values():
        host, port = address.removeprefix("http://").split(":")
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))), f"{address} still answers"
    project.cli("status", code=1)
    project.drop("drops", night_yaml=tree(71))
    project.up()
    project.filed("drops", "night.yaml")
    for name, champion in champions.items():
        assert project.champion(name) == champion
        until(lambda name=name, champion=champion: project.served(name) == champion, f"{name} is served again")


def test_what_a_killed_supervisor_leaves_is_ended_by_the_next_start(project):
    sessions = [session["pid"] for session in project.record()["parts"].values()]
    os.kill(project.process.pid, signal.SIGKILL)
    project.process.wait()
    project.drop("drops", orphan_yaml=tree(72))
    project.up()
    assert not [pid for pid in sessions if _lives(pid)], "the orphans were ended before the new parts were started"
    project.filed("drops", "orphan.yaml")


def test_a_second_stack_of_the_same_project_is_refused(project):
    assert "is up already" in _error(project, "up")


@pytest.mark.parametrize(
    ("name", "place", "refusal", "said"),
    [
        ("full", "configs/tight", lambda disk: disk.full(but=4096), "the disk is full"),  # with room for the config
        ("sealed", ".dropforge/dropped/tight", lambda disk: disk.read_only(), "this file system is read-only"),
    ],
)
def test_a_disk_that_takes_nothing_is_explained_and_the_config_stays_until_it_does(project, name, place, refusal, said):
    def refused():
        return next((t for t in project.tasks("tight_train") if t["state"] == "up_for_retry"), None)

    with mounted(project.home / place, 1) as disk:
        with refusal(disk):
            project.drop("tight", **{f"{name}_yaml": tree(len(name))})
            task = until(refused, "a task is to be tried again")
            assert task["task_id"] == "claim"
            where = f"/dags/tight_train/dagRuns/{task['dag_run_id']}/taskInstances/claim/logs/{task['try_number']}"
            assert said in project.airflow.get(where).text
            assert f"{name}.yaml" in project.waiting("tight")
        project.filed("tight", f"{name}.yaml")
        project.idle("tight_train")
    assert f"{name}.yaml" in by_file(project, "tight")


def _error(project, *arguments):
    import subprocess
    import sys

    command = [sys.executable, "-m", "dropforge.cli.main", *arguments]
    done = subprocess.run(  # noqa: S603
        command, cwd=project.home, env=project.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
