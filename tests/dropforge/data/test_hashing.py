"""A row's hash hangs on the row alone, so that rows which are added later move no other row."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dropforge.data.hashing import data_digest, row_hashes, uniform

CELLS = (
    "", "0", "1", "-1", "42", "1.0", "0.1", "-0.0", "1e5", "3.14159265358979312", "9007199254740993", "True", "False",
    "true", "word", "Wort", "é", "漢字", "😀", "NA", "nan", "inf", "1_000", " 1", "007", "2026-01-01", "a,b", 'q"q',
    "99999999999999999999999", "1.7976931348623157e309",
)  # fmt: skip
cells = st.sampled_from(CELLS) | st.floats().map(repr) | st.integers().map(str)


def hashes_of(*values, dtype=None):
    return row_hashes(pd.DataFrame({"a": pd.Series(list(values), dtype=dtype)})).tolist()


def csv_rows(rows):
    """Read rows of cells as a user's file is read: pandas picks each column's dtype from all of its cells."""
    stream = io.StringIO()
    pd.DataFrame(rows, dtype=object).to_csv(stream, index=False)
    stream.seek(0)
    return pd.read_csv(stream)


@settings(max_examples=150, deadline=None)
@example([("1", "NA"), ("1", "99999999999999999999999")], [("1", "0.0")])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.lists(st.tuples(cells, cells), max_size=4))
def test_rows_that_are_added_to_a_csv_never_move_an_old_row(old, new):
    assume(all(any(row) for row in old + new))  # pandas skips a line without a cell
    before, after = row_hashes(csv_rows(old)), row_hashes(csv_rows(old + new))
    assert after[: len(old)].tolist() == before.tolist()
    assert uniform(after, 42)[: len(old)].tolist() == uniform(before, 42).tolist()


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(6)), st.lists(st.tuples(cells, cells), min_size=6, max_size=6))
def test_a_hash_does_not_hang_on_the_position(order, rows):
    frame = pd.DataFrame(rows)
    shuffled = frame.iloc[order].reset_index(drop=True)
    assert row_hashes(shuffled).tolist() == row_hashes(frame)[list(order)].tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=5))
def test_a_number_has_one_hash_in_a_column_of_any_type(numbers):
    expected = hashes_of(*numbers, dtype="int64")
    for dtype in ("float64", "Int64", object, str, "category"):
        assert hashes_of(*numbers, dtype=dtype) == expected
    assert hashes_of(*numbers, None, dtype="float64")[:-1] == expected
    assert hashes_of(*numbers, "word", dtype=object)[:-1] == expected


def test_true_and_false_have_one_hash_in_a_column_of_any_type():
    expected = hashes_of(True, False, dtype=bool)
    assert hashes_of(True, False, None, dtype=object)[:2] == expected
    assert hashes_of(True, False, None, dtype="boolean")[:2] == expected
    assert hashes_of("True", "FALSE", "word")[:2] == expected
    assert hashes_of(1, 0) == expected


def test_what_is_missing_has_one_hash_in_a_column_of_any_type():
    (expected,) = hashes_of(np.nan, dtype="float64")
    for missing, dtype in ((None, object), (pd.NA, "Int64"), (pd.NaT, "datetime64[ns]"), (None, str)):
        assert hashes_of(missing, dtype=dtype) == [expected]
    assert hashes_of(0.0) == hashes_of(-0.0) != [expected]


def test_a_date_keeps_its_hash_when_a_time_of_day_joins_its_column():
    dates = ["2026-01-01 00:00", "2026-01-02 00:00"]
    for unit in ("ns", "us", "s"):
        column = pd.Series(pd.to_datetime([*dates, "2026-01-02 03:00"])).astype(f"datetime64[{unit}]")
        assert hashes_of(*column)[:2] == hashes_of(*pd.to_datetime(dates))


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("b", "a")), (("a", ""), ("", "a")), ((1, 2), (2, 1)), (("ab", "c"), ("a", "bc")), ((1, 1), (2, 2))],
)
def test_values_in_other_columns_make_another_hash(one, other):
    first, second = row_hashes(pd.DataFrame([one, other]))
    assert first != second


def test_lists_and_mixed_values_are_hashed_by_what_they_say():
    column = pd.Series([[1, 2], {"a": 1}, 1, "x", None, [1, 2]], dtype=object)
    hashes = row_hashes(column.to_frame()).tolist()
    assert hashes[0] == hashes[5]
    assert len(set(hashes)) == 5


def test_hashes_are_the_same_on_every_machine_and_day():
    frame = pd.DataFrame({"a": [1, 2.5], "b": ["x", "漢字"], "c": [True, None]})
    assert row_hashes(frame).tolist() == [3804648518046702876, 18001068034439961250]
    assert data_digest(frame) == "21785ad2936d7c14b05a77fa722b7f63"


def test_the_seed_deals_the_rows_anew():
    hashes = row_hashes(pd.DataFrame({"a": range(2000)}))
    one, other = uniform(hashes, 1), uniform(hashes, 2)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    assert one.tolist() == uniform(hashes, 1).tolist()


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": range(20_000)}),
        pd.DataFrame({"a": [f"row {number}" for number in range(20_000)]}),
        pd.DataFrame({"a": np.arange(20_000) / 7, "b": np.arange(20_000) % 3}),
    ],
    ids=["counted", "words", "numbers"],
)
def test_shares_come_out_right(frame):
    shares = uniform(row_hashes(frame), 42)
    assert shares.min() >= 0
    assert shares.max() < 1
    counts, _ = np.histogram(shares, bins=10, range=(0, 1))
    assert counts.min() > 1850  # 2,000 are expected, with a standard deviation of 42
    assert counts.max() < 2150


def test_a_digest_names_the_state_of_the_data():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    digests = [
        data_digest(frame),
        data_digest(frame.iloc[::-1]),
        data_digest(frame.rename(columns={"a": "c"})),
        data_digest(frame.replace(2, 3)),
        data_digest(frame.iloc[:1]),
    ]
    assert len(set(digests)) == len(digests)
    assert data_digest(frame.copy()) == digests[0]
