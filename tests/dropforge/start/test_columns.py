"""What a column holds, and whether the samples learn from it."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from dropforge.start.columns import columns_of, identifiers
from tests.dropforge.start.tables import customers, written

N = 60


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (range(N), "number"),
        (np.linspace(0, 1, N), "number"),
        ([True, False] * (N // 2), "number"),
        ([1.5, None] * (N // 2), "number"),
        (pd.array([1, None] * (N // 2), dtype="Int64"), "number"),
        (["red", "blue"] * (N // 2), "category"),
        (["red", None] * (N // 2), "category"),
        (pd.Categorical([1, 2] * (N // 2)), "category"),
        ([f"word {n % 12}" for n in range(N)], "category"),
        ([f"word {n}" for n in range(N)], "text"),
        ([f"2024-01-{n % 28 + 1:02}" for n in range(N)], "date"),
        ([f"{n % 28 + 1}.1.2024 10:00" for n in range(N)], "date"),
        (pd.date_range("2024-01-01", periods=N), "date"),
        ([f"{n},50" for n in range(N)], "written number"),
        ([f"€ {n}.000" for n in range(N)], "written number"),
        ([True, None] * (N // 2), "mixed"),
        (["a", 1] * (N // 2), "mixed"),
        ([None] * N, "empty"),
        ([7.5] * N, "constant"),
        (["red"] * N, "constant"),
        ([np.inf, *range(N - 1)], "too large"),
        ([1e300, *range(N - 1)], "too large"),
        ([[1]] * N, "other"),
        ([Decimal(1)] * N, "other"),
        (np.arange(N) + 1j, "other"),
    ],
)
def test_a_column_is_told_by_its_values(values, kind):
    (column,) = columns_of(pd.DataFrame({"x": pd.Series(values)}))
    assert column.kind == kind
    assert column.used == (kind in ("number", "category"))
    assert bool(column.note) == (kind != "number" or column.missing > 0)


def test_a_word_far_down_is_not_missed():
    values = pd.Series([*range(1000), "?"], dtype=object)
    assert columns_of(pd.DataFrame({"x": values}))[0].kind == "mixed"


def test_columns_of_a_csv_as_people_have_them():
    frame = pd.read_csv(io.StringIO(written(customers())))
    kinds = {column.name: column.kind for column in columns_of(frame, "bought")}
    assert kinds == {
        "customer_id": "identifier", "since": "date", "city": "category", "age": "number", "price": "written number",
        "note": "text", "member": "number", "visits": "number",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["id", "ID", "customer_id", "Customer ID", "customerId", "uuid", "Unnamed: 0"])
def test_an_identifier_has_the_name_of_one_and_another_value_in_each_row(name):
    assert identifiers(pd.DataFrame({name: range(N), "paid": range(N)})) == [name]
    assert not identifiers(pd.DataFrame({name: [1, 1]}))
    assert not identifiers(pd.DataFrame({name: [0.5, 1.5]}))
