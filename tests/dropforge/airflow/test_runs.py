"""The settings that a run began with, whatever the DAG's file says when its later tasks start."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.context import set_current_context

from dropforge.airflow.runs import begin, begun
from dropforge.settings import encode
from tests.dropforge.wine import WINE

OLD = replace(WINE, digest="old")
NEW = replace(WINE, promote=replace(WINE.promote, metric="accuracy"), digest="new")
MONDAY, TUESDAY = (datetime(2026, 3, day, 4, 5, 6, 7, tzinfo=UTC) for day in (2, 3))


class Left:
    """What the tasks of one run left, as a task sees it; a mapped one has a number."""

    def __init__(self):
        self.values = {}

    def task(self, name, index=-1):
        def push(key, value):
            self.values[name, index, key] = value

        def pull(task_ids, key, map_indexes):
            return self.values.get((task_ids, map_indexes, key))

        return SimpleNamespace(xcom_push=push, xcom_pull=pull)


@pytest.fixture
def left():
    return Left()


def call(function, *arguments, ti, started=MONDAY):
    with set_current_context({"ti": ti, "dag_run": SimpleNamespace(start_date=started)}):
        return function(*arguments)


def test_later_tasks_have_what_the_first_one_had(left):
    assert call(begin, encode(OLD), ti=left.task("claim")) == OLD
    assert call(begun, "claim", encode(NEW), ti=left.task("train", 3)) == OLD
    assert call(begun, "claim", encode(NEW), ti=left.task("finish")) == OLD


def test_a_first_task_that_is_tried_again_begins_anew(left):
    call(begin, encode(OLD), ti=left.task("claim"))
    assert call(begin, encode(NEW), ti=left.task("claim")) == NEW
    assert call(begun, "claim", encode(NEW), ti=left.task("train", 0)) == NEW


def test_a_run_that_starts_anew_after_its_end_has_the_settings_of_today(left):
    call(begin, encode(OLD), ti=left.task("claim"))
    assert call(begun, "claim", encode(NEW), ti=left.task("train", 0), started=TUESDAY) == NEW


def test_where_the_first_task_left_none_the_files_count(left):
    assert call(begun, "claim", encode(NEW), ti=left.task("finish")) == NEW
