"""Whoever is killed, at whichever point: each candidate gets one version, each config is filed once, one is served."""

import itertools

import pytest

from tests.stack.exactly_once import await_sound, be_without_mlflow, drop_and_kill

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
    files, _ = drop_and_kill(project, point, KILLED_AT[point], next(NUMBERS))
    await_sound(project, *files)


def test_while_mlflow_is_away_configs_wait_and_then_all_is_done_once(project):
    files, _ = be_without_mlflow(project, 20, next(NUMBERS))
    await_sound(project, *files)
