"""How candidates share mapped tasks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge.airflow.batches import batched


def items(count):
    return [{"label": f"config.yaml: model {number}"} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 40, 100])
def test_while_there_are_few_each_candidate_has_a_task_of_its_own(count):
    batches = batched(items(count))
    assert batches == [(item["label"], [item]) for item in items(count)]


@given(st.integers(0, 20_000))
def test_all_are_in_a_batch_in_order_and_airflow_takes_so_many_tasks(count):
    batches = batched(items(count))
    assert [item for _, group in batches for item in group] == items(count)
    assert len(batches) <= 1000


def test_a_shared_task_says_how_many_it_holds():
    assert batched(items(1000))[0][0] == "config.yaml: model 0 and 9 more"
