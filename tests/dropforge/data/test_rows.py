"""A pipeline's rows: read, parted, and checked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dropforge.data.parting import PARTS
from dropforge.data.rows import read_rows
from dropforge.documents import UserError
from dropforge.settings import Data, Features, Split

SPLIT = Split(test=0.2, holdout=0.2, seed=42)
FLOWERS = Data("flowers.csv", "kind", None, SPLIT)


@pytest.fixture
def flowers():
    """A table of 400 rows in two classes, with an id, numbers and words."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"f{number}" for number in range(400)],
            "length": random.random(400).round(3),
            "colour": random.choice(["red", "blue"], 400),
            "kind": random.choice(["iris", "rose"], 400),
        }
    )


def rows_of(frame, tmp_path, data=FLOWERS):
    if data.source.endswith(".parquet"):
        frame.to_parquet(tmp_path / data.source)
    else:
        frame.to_csv(tmp_path / data.source, index=False)
    return read_rows(data, tmp_path)


def parts_of(rows):
    """Return the part of each row, by its id."""
    return {name: part for part in PARTS for name in rows.part(part)[0]["id"]}


def mistake(data, home):
    with pytest.raises(UserError) as caught:
        read_rows(data, home)
    (problem,) = caught.value.problems
    assert problem.file == data.source
    assert problem.remedy
    return problem


@pytest.mark.parametrize("name", ["load_iris", "load_wine", "load_breast_cancer", "load_digits"])
def test_a_loader_of_scikit_learn_is_parted_with_every_class_in_every_part(name, tmp_path):
    rows = read_rows(Data(f"sklearn.datasets.{name}", "target", None, SPLIT), tmp_path)
    assert "target" not in rows.features
    for part in PARTS:
        features, target = rows.part(part)
        assert len(features) == len(target) == rows.count(part) > 0
        assert set(target) == set(rows.classes)
    assert sum(rows.count(part) for part in PARTS) == len(rows.target)


@pytest.mark.parametrize("source", ["flowers.csv", "flowers.parquet"])
def test_a_file_is_read_from_the_projects_folder(source, flowers, tmp_path):
    rows = rows_of(flowers, tmp_path, replace(FLOWERS, source=source))
    assert list(rows.features) == ["id", "length", "colour"]
    assert rows.classes == ["iris", "rose"]
    assert rows.source == source


def test_csv_and_parquet_part_the_same_rows_the_same_way(flowers, tmp_path):
    from_csv = rows_of(flowers, tmp_path)
    from_parquet = rows_of(flowers, tmp_path, replace(FLOWERS, source="flowers.parquet"))
    assert parts_of(from_csv) == parts_of(from_parquet)
    assert from_csv.digest == from_parquet.digest


def test_the_id_decides_the_part_and_is_not_learned_from(flowers, tmp_path):
    data = replace(FLOWERS, id="id")
    rows = rows_of(flowers, tmp_path, data)
    changed = rows_of(flowers.assign(length=0.0), tmp_path, data)
    assert "id" not in rows.features
    assert changed.parts == rows.parts
    assert changed.features["colour"].tolist() == rows.features["colour"].tolist()
    assert changed.digest != rows.digest


def test_features_are_chosen_and_move_no_row(flowers, tmp_path):
    whole = rows_of(flowers, tmp_path, replace(FLOWERS, id="id"))
    for features in (Features(include=("colour",)), Features(exclude=("length",)), Features(("colour", "id"), ("id",))):
        rows = rows_of(flowers, tmp_path, replace(FLOWERS, id="id", features=features))
        assert list(rows.features) == ["colour"]
        assert rows.parts == whole.parts
        assert rows.target.tolist() == whole.target.tolist()
        assert rows.digest != whole.digest


def test_numbers_come_in_the_types_of_numpy(flowers, tmp_path):
    flowers["length"] = pd.array([None, *range(399)], dtype="Int64")
    flowers["wet"] = pd.Series([True, None] * 200, dtype=object)
    rows = rows_of(flowers, tmp_path, replace(FLOWERS, source="flowers.parquet"))
    assert rows.features.dtypes[["length", "wet"]].tolist() == [np.float64, np.float64]
    assert {column.name: column.kind for column in rows.columns} == {
        "id": "identifier", "length": "number", "colour": "category", "wet": "number",
    }  # fmt: skip


def test_rows_that_are_added_move_no_old_row(flowers, tmp_path):
    before = rows_of(flowers, tmp_path)
    added = pd.DataFrame({"id": ["n1", "n2"], "length": ["long", None], "colour": [None, 5], "kind": ["iris", "rose"]})
    after = rows_of(pd.concat([added, flowers]), tmp_path)
    assert parts_of(before).items() < parts_of(after).items()


def test_a_part_is_a_view_with_its_rows_in_the_order_of_the_source(flowers, tmp_path):
    rows = rows_of(flowers, tmp_path)
    for part in PARTS:
        features, target = rows.part(part)
        expected = flowers[flowers["id"].isin(features["id"])]
        assert features["id"].tolist() == expected["id"].tolist()
        assert features["length"].tolist() == expected["length"].tolist()
        assert target.tolist() == expected["kind"].tolist()
        assert np.shares_memory(features["length"], rows.features["length"])


def test_duplicates_share_a_part(flowers, tmp_path):
    rows = rows_of(pd.concat([flowers, flowers.sample(frac=1, random_state=1)]), tmp_path)
    parts = [set(rows.part(part)[0]["id"]) for part in PARTS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 400


def test_a_row_without_a_target_is_left_out(flowers, tmp_path):
    flowers.loc[:9, "kind"] = None
    assert len(rows_of(flowers, tmp_path).target) == 390


def test_shares_and_seed_decide_the_parts(flowers, tmp_path):
    wide = rows_of(flowers, tmp_path, replace(FLOWERS, split=Split(0.4, 0.1, 42)))
    assert 120 < wide.count("test") < 200
    assert 20 < wide.count("holdout") < 70
    other = rows_of(flowers, tmp_path, replace(FLOWERS, split=Split(0.4, 0.1, 43)))
    assert parts_of(other) != parts_of(wide)


def test_a_part_keeps_its_rows_when_the_other_share_grows(flowers, tmp_path):
    small = rows_of(flowers, tmp_path, replace(FLOWERS, split=Split(0.2, 0.1, 42)))
    large = rows_of(flowers, tmp_path, replace(FLOWERS, split=Split(0.2, 0.3, 42)))
    assert large.part("test")[0]["id"].tolist() == small.part("test")[0]["id"].tolist()
    assert set(small.part("holdout")[0]["id"]) < set(large.part("holdout")[0]["id"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "knd"}, "there is no column 'knd' (data.target)"),
        ({"features": Features(include=("no",))}, "there is no column 'no' (data.features.include)"),
        ({"features": Features(exclude=("no",))}, "there is no column 'no' (data.features.exclude)"),
        ({"features": Features(include=("kind",))}, "there is no column to learn from"),
        ({"id": "no"}, "there is no column 'no' (data.id)"),
        ({"target": "id"}, "too small for the parts"),
        ({"source": "other.csv"}, "there is no such file"),
        ({"source": "sklearn.datasets.load_wines"}, "scikit-learn has no data set 'sklearn.datasets.load_wines'"),
        ({"source": "sklearn.datasets.load_files"}, "'sklearn.datasets.load_files' gives no table"),
    ],
)
def test_data_that_do_not_fit_the_spec_are_explained(changes, message, flowers, tmp_path):
    rows_of(flowers, tmp_path)
    assert message in mistake(replace(FLOWERS, **changes), tmp_path).message


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"kind": ["a", "b"] * 50}), "there is no column to learn from"),
        (pd.DataFrame({"x": range(50), "kind": "a"}), "the target 'kind' has fewer than two classes"),
        (pd.DataFrame({"x": [], "kind": []}), "there are no rows with a target"),
        (
            pd.DataFrame({"x": [1.5, None, float("inf")] * 30, "kind": ["a", "b"] * 45}),
            "30 values are infinite, in the",
        ),
        (
            pd.DataFrame({"x": range(50), "kind": ["a"] * 49 + ["b"]}),
            "a class is too small for the parts: 'b' (1 row, none in train or holdout)",
        ),
        # Not all of them.
        (pd.DataFrame({"x": range(5000), "kind": [f"k{n}" for n in range(5000)]}), "and 4995 more"),
    ],
)
def test_data_that_cannot_be_learned_from_are_explained(frame, message, tmp_path):
    frame.to_csv(tmp_path / "flowers.csv", index=False)
    assert message in mistake(FLOWERS, tmp_path).message


@pytest.mark.parametrize(
    ("split", "count", "remedy"),
    [
        ({}, 2, "A class needs a row in each of 3 parts: add rows of it"),
        ({}, 3, "Write data.split: {method: random}"),
        ({"group": "x"}, 3, "Add groups with it"),
        ({"time": "x"}, 3, "the latest rows are tested with"),
        ({"method": "random"}, 2, "A class needs a row in each of 3 parts"),
    ],
)
def test_what_helps_a_class_that_is_too_small_follows_from_the_split(split, count, remedy, tmp_path):
    frame = pd.DataFrame({"x": range(60), "kind": ["rare"] * count + ["often"] * (60 - count)})
    frame["y"] = frame["x"]
    frame.to_csv(tmp_path / "flowers.csv", index=False)
    found = mistake(replace(FLOWERS, split=replace(SPLIT, seed=1, **split)), tmp_path)
    assert f"'rare' ({count} rows, none in " in found.message
    assert remedy in found.remedy
    if "method: random" in remedy:
        lots = read_rows(replace(FLOWERS, split=replace(SPLIT, method="random")), tmp_path)
        assert all(set(lots.part(part)[1]) == {"rare", "often"} for part in PARTS)


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b'"a'),
        ("a.csv", b"a,b\n1,2\n1,2,3\n"),
        ("a.csv", b"\xff\xff\x00a"),
        ("a.parquet", b"x"),
    ],
)
def test_a_file_that_cannot_be_read_is_explained(source, content, tmp_path):
    (tmp_path / source).write_bytes(content)
    assert "the data cannot be read" in mistake(replace(FLOWERS, source=source), tmp_path).message


def test_a_folder_is_no_data(tmp_path):
    (tmp_path / "flowers.csv").mkdir()
    assert "the data cannot be read" in mistake(FLOWERS, tmp_path).message


def test_a_target_that_mixes_numbers_and_text_is_explained(tmp_path, monkeypatch):
    frame = pd.DataFrame({"x": range(50), "kind": [0, "a"] * 25})
    monkeypatch.setattr("dropforge.data.rows.read_frame", lambda *_: frame)  # only a pickle would hold it like this
    assert "mixes numbers and text" in mistake(FLOWERS, tmp_path).message
