"""Whoever is killed, at whichever point: each candidate gets one version, each config is filed once, one is served."""

import itertools

import pytest

from tests.stack.exactly_once import await_sound, drop_and_kill

# Every point, every victim, and the workers most; `make test-soak` kills everybody everywhere.
KILLED_AT = {
    "claimed": "triggerer",
    "fitting": "scheduler",
    "opened": "stack",
    "logged": "mlflow",
    "registered": "worker",
    "filed": "task",
    "measured": "api-server",
    "prepared": "server",
    "aliased": "task",
    "staged": "worker",
}
NUMBERS = itertools.count()


@pytest.mark.parametrize("point", KILLED_AT)
def test_killed_at_any_point_nothing_is_lost_and_nothing_doubled(project, point):
    file, _ = drop_and_kill(project, point, KILLED_AT[point], next(NUMBERS))
    await_sound(project, file)
