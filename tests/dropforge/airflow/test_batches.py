"""How candidates share mapped tasks."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge.airflow.batches import LARGE, batched


def items(count):
    return [{"label": f"config.yaml: model {number}"} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 8])
def test_while_there_are_few_each_candidate_has_a_task_of_its_own(count):
    assert batched(items(count), 2) == [(item["label"], [item]) for item in items(count)]


@given(st.integers(0, 30_000))
def test_each_is_in_one_batch_and_the_batches_are_about_as_large_as_each_other(count):
    groups = [group for _, group in batched(items(count), 2)]
    found = [item["label"] for group in groups for item in group]
    assert sorted(found) == sorted(item["label"] for item in items(count))
    assert len(groups) <= 1000, "Airflow maps no more"
    sizes = {len(group) for group in groups}
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert count > 1000 * LARGE or not sizes or max(sizes) <= LARGE


def test_neighbours_come_into_different_batches():
    numbers = [{int(item["label"].split()[-1]) for item in group} for _, group in batched(items(40), 2)]
    for first in range(0, 40, 4):
        assert all(len(group & set(range(first, first + 4))) == 1 for group in numbers)


@pytest.mark.parametrize("kinds", [2, 3, 4, 5, 8])
def test_kinds_that_take_turns_are_spread_over_the_batches(kinds):
    taking_turns = [{"label": f"kind {number % kinds}"} for number in range(160)]
    for _, group in batched(taking_turns, 2):
        counts = Counter(item["label"] for item in group)
        assert max(counts.values()) < 2.5 * 40 / kinds


def test_a_shared_task_says_how_many_it_holds():
    assert batched(items(1000), 2)[0][0].endswith(" and 249 more")


@pytest.mark.parametrize(("count", "cores", "tasks"), [(9, 2, 4), (40, 2, 4), (1000, 2, 4), (32, 16, 32), (33, 16, 32)])
def test_many_share_as_many_tasks_as_keep_the_cores_busy(count, cores, tasks):
    assert len(batched(items(count), cores)) == tasks
