"""The real stack, once for all tests here: a temporary project, free ports, and nothing left behind."""

from pathlib import Path

import pytest

from tests.stack.project import RunningProject

SPEC = (Path(__file__).parent / "pipelines.yaml").read_text()


def pytest_collection_modifyitems(items):
    for item in items:
        if "project" in item.fixturenames and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="package")
def project(tmp_path_factory):
    running = RunningProject(tmp_path_factory.mktemp("project"), SPEC)
    try:
        running.up()
        running.pause("timed_promote", True)  # it ticks every few seconds: for its own scenario alone
        yield running
    finally:
        try:
            running.down()
        finally:
            left = running.clear()
    assert left == []  # Ctrl-C leaves no process behind


@pytest.fixture(autouse=True)
def _sound_registry(request):
    """After each test: every candidate once, one champion, alias and stage agree, no run left running."""
    yield
    if "project" in request.fixturenames:
        project = request.getfixturevalue("project")
        project.points.release()  # what a test that failed still holds
        project.assert_sound()
