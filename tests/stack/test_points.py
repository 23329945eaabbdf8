"""The points at which the stack's processes are held: each exists, and holds exactly one."""

import functools
import importlib
import os
import subprocess
import sys

import pytest

from tests.stack.injected.named_points import POINTS
from tests.stack.points import Points
from tests.stack.project import until

FORGET = """
from pathlib import Path
from dropforge.folder import Claim, WatchFolder
folder = WatchFolder(Path("watch"), Path("snapshots"))
folder.prepare()
folder._forget(Claim("a.yaml", "key"))
print("done")
"""


@pytest.mark.parametrize("point", POINTS)
def test_the_function_that_a_point_hangs_on_is_there(point):
    when, module, function = POINTS[point]
    assert when in ("before", "after")
    assert callable(functools.reduce(getattr, function.split("."), importlib.import_module(module)))


def test_one_process_is_held_at_an_armed_point_until_it_is_released(tmp_path):
    points = Points(tmp_path / "points")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "sitecustomize.py").write_text("print('not shadowed')")
    environment = points.environment({**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")})
    command = [sys.executable, "-c", FORGET]
    points.arm("filed")
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert until(lambda: points.held("filed"), "it is held") == first.pid
        second = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
        assert second.stdout.split("\n") == ["not shadowed", "done", ""]
        assert first.poll() is None
    finally:
        points.release()
    assert first.communicate(timeout=60)[0] == "not shadowed\ndone\n"
