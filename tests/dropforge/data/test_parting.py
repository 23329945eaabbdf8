"""The ways to part rows: by hash, by group, by lot, by time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dropforge.data import Rows
from dropforge.data.parting import PARTS
from dropforge.data.rows import part_rows
from dropforge.documents import UserError
from dropforge.settings import Data, Split

SPLIT = Split(test=0.2, holdout=0.2, seed=42)


def parted(frame: pd.DataFrame, **changes: object) -> Rows:
    return part_rows(frame, Data("visits.csv", "kind", None, replace(SPLIT, **changes)))


def visits(count: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(0)
    days = pd.Series(pd.date_range("2026-01-01", periods=count)).sample(frac=1, random_state=0)
    return pd.DataFrame({
        "number": range(count), "person": random.integers(0, 60, count),
        "day": days.dt.strftime("%Y-%m-%d").tolist(),
        "kind": np.where(random.random(count) < 0.05, "rare", "usual"),
    })  # fmt: skip


def of(frame: pd.DataFrame, rows: Rows, column: str) -> list[list[object]]:
    """Return a column's values in each part."""
    return [frame[column].iloc[rows.part(part)[0]["number"]].tolist() for part in PARTS]


def test_a_group_is_in_one_part_and_not_learned_from() -> None:
    frame = visits()
    rows = parted(frame, group="person")
    assert "person" not in rows.features
    found = [set(people) for people in of(frame, rows, "person")]
    assert sum(map(len, found)) == len(set.union(*found)) == frame["person"].nunique()
    assert rows.along is not None
    assert rows.along.tolist() == [value for part in of(frame, rows, "person") for value in part]


@pytest.mark.parametrize("as_text", [True, False])
def test_the_latest_rows_are_the_holdout(as_text: bool) -> None:
    frame = visits().assign(kind=["a", "b"] * 200)
    frame["day"] = frame["day"] if as_text else pd.to_datetime(frame["day"])
    rows = parted(frame, time="day")
    train, test, holdout = of(frame, rows, "day")
    assert max(train) < min(test) <= max(test) < min(holdout)
    assert [len(train), len(test), len(holdout)] == [240, 80, 80]


def test_a_moment_is_in_one_part() -> None:
    frame = visits().assign(day=[1] * 200 + [2] * 100 + [3] * 100, kind=["a", "b"] * 200)
    assert [set(days) for days in of(frame, parted(frame, time="day"), "day")] == [{1}, {2}, {3}]


def test_lots_give_each_part_its_share_of_every_class() -> None:
    frame = visits()
    rare = int((frame["kind"] == "rare").sum())
    rows = parted(frame, method="random")
    counts = [int((rows.part(part)[1] == "rare").sum()) for part in PARTS]
    assert counts == [rare - 2 * round(0.2 * rare), round(0.2 * rare), round(0.2 * rare)]
    assert parted(frame, method="random").digest == rows.digest
    assert of(frame, parted(frame, method="random", seed=1), "number") != of(frame, rows, "number")


@pytest.mark.parametrize(
    ("changes", "frame", "message"),
    [
        ({"group": "who"}, visits(), "there is no column 'who' (data.split.group)"),
        ({"group": "person"}, visits().assign(person=[None, 1.0] * 200), "200 rows have no value in 'person'"),
        ({"time": "day"}, visits().assign(day=[None, 1.0] * 200), "200 rows have no value in 'day'"),
        ({"time": "kind"}, visits().assign(kind=["a", "b"] * 200), "holds no times"),
    ],
)
def test_what_cannot_part_rows_is_explained(changes: dict[str, str], frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parted(frame, **changes)
    assert message in caught.value.problems[0].message


def later(days: int, count: int = 400) -> pd.DataFrame:
    """More visits, so many days after the others (or before them)."""
    day = pd.to_datetime(visits(count)["day"]) + pd.Timedelta(days=days)
    return visits(count).assign(number=range(400, 400 + count), day=day.dt.strftime("%Y-%m-%d").tolist())


@pytest.mark.parametrize(
    ("before", "now", "added", "unseen"),
    [
        ({}, {}, None, True),
        ({}, {}, later(400), True),  # the rows that were there stay in their parts
        ({}, {"seed": 43}, None, False),
        ({}, {"holdout": 0.3}, None, False),
        ({}, {"method": "random"}, None, False),
        ({}, {"group": "person"}, None, False),
        ({"group": "person"}, {"group": "person"}, later(400), True),
        ({"method": "random"}, {"method": "random"}, None, True),
        ({"method": "random"}, {"method": "random"}, later(400, 5), False),
        ({"time": "day"}, {"time": "day"}, later(400), True),  # the holdout of now comes after all that was learned
        ({"time": "day"}, {"time": "day", "holdout": 0.3}, None, True),  # larger, and not larger than test and holdout
        ({"time": "day"}, {"time": "day", "holdout": 0.5}, None, False),
        ({"time": "day"}, {"time": "day"}, later(-2000, 1200), False),  # so many older rows that the holdout grows back
    ],
)
def test_a_parting_tells_whether_an_earlier_one_learned_from_its_holdout(
    before: dict[str, object], now: dict[str, object], added: pd.DataFrame | None, unseen: bool
) -> None:
    frame = visits()
    grown = frame if added is None else pd.concat([frame, added], ignore_index=True)
    for table in (frame, grown):
        table["kind"] = np.resize(["one", "other"], len(table))  # both in each part, wherever it lies
    old, new = parted(frame, **before), parted(grown, **now)
    assert new.parting.unseen_by(old.parting.tag) == unseen
    learned, held_out = set(of(frame, old, "number")[0]), set(of(grown, new, "number")[2])
    assert learned.isdisjoint(held_out) == unseen


def test_a_parting_is_another_where_a_column_joins_unless_an_id_names_the_rows() -> None:
    frame, wider = visits(), visits().assign(more=1.5)
    assert not parted(wider).parting.unseen_by(parted(frame).parting.tag)
    data = Data("visits.csv", "kind", "number", SPLIT)
    assert part_rows(wider, data).parting.unseen_by(part_rows(frame, data).parting.tag)
    assert not parted(frame).parting.unseen_by("")  # who trained it did not say
