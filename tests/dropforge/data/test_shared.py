"""The rows are read from their source once, and every process maps the same copy."""

import json
import multiprocessing
import os
import pickle
import resource
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from dropforge.data import load, mapped, shared, sources
from dropforge.data.columns import plain_values
from dropforge.data.parting import PARTS
from dropforge.data.rows import read_rows
from dropforge.documents import UserError
from dropforge.settings import Data, Split

SPLIT = Split(test=0.2, holdout=0.2, seed=42)
WINE = Data("sklearn.datasets.load_wine", "target", None, SPLIT)
TABLE = Data("table.csv", "kind", None, SPLIT)
ANY_FRAME = replace(WINE, target="kind")  # a source without a file, for frames that no file could hold
CLOCK = 1_700_000_000  # when the tables of the tests were written: long ago


def table(rows=200, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame({"x": random.random(rows), "y": random.random(rows), "kind": random.choice(["a", "b"], rows)})


def put(frame, path, written=CLOCK):
    """Write a table that looks as if it was written at a time."""
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    os.utime(path, (written, written))


def stored(home):
    """Return the files of stored rows."""
    return list((home / ".dropforge/data").glob("*.rows"))


@pytest.fixture
def reads(monkeypatch):
    """The sources that were read, one after the other."""
    read = []

    def counted(source, home, form):
        read.append(source)
        return sources.read_frame(source, home, form)

    monkeypatch.setattr("dropforge.data.rows.read_frame", counted)
    return read


def assert_same(rows, expected):
    pd.testing.assert_frame_equal(rows.features, expected.features)
    pd.testing.assert_series_equal(rows.target, expected.target)
    assert (rows.parts, rows.source, rows.classes) == (expected.parts, expected.source, expected.classes)
    assert (rows.digest, rows.holdout_digest) == (expected.digest, expected.holdout_digest)


@pytest.mark.parametrize("data", [TABLE, replace(TABLE, source="table.parquet"), WINE], ids=lambda data: data.source)
def test_a_source_is_read_once(data, tmp_path, reads):
    if data is not WINE:
        put(table(), tmp_path / data.source)
    expected = read_rows(data, tmp_path)
    reads.clear()
    for _ in range(3):
        assert_same(load(data, tmp_path), expected)
    assert reads == [data.source]


def test_what_is_computed_once_is_stored(tmp_path, monkeypatch):
    load(WINE, tmp_path)
    monkeypatch.setattr(np, "unique", None)
    assert load(WINE, tmp_path).classes == [0, 1, 2]


COLUMNS = {
    "float": [0.5, None, 2.5, -0.0],
    "int": [1, 2, 3, 4],
    "small": np.array([1, 2, 3, 4], dtype="int8"),
    "bool": [True, False, True, False],
    "text": ["a", "", None, "ü"],
    "python_text": pd.array(["a", "b", None, "d"], dtype="string[python]"),
    "category": pd.Categorical(["low", "high", None, "low"], categories=["low", "high"], ordered=True),
    "time": pd.to_datetime(["2024-01-01", "2024-02-01", None, "2024-03-01"]),
    "zoned": pd.to_datetime(["2024-01-01", "2024-02-01", None, "2024-03-01"]).tz_localize("Europe/Vienna"),
    "span": pd.to_timedelta([1, 2, None, 3], unit="s"),
    "int_or_nothing": pd.array([1, None, 3, 4], dtype="Int64"),
    "bool_or_nothing": pd.array([True, None, False, True], dtype="boolean"),
    "arrow": pd.array([1, None, 3, 4], dtype="int64[pyarrow]"),
    "object": np.array([1, "a", None, 2.5], dtype=object),
}


@pytest.mark.parametrize("names", [*[[name] for name in COLUMNS], list(COLUMNS)], ids=lambda names: names[-1])
@pytest.mark.parametrize("target", [[0, 1], ["a", "b"], [True, False]], ids=["int", "text", "bool"])
def test_every_type_comes_back_as_it_was(names, target, tmp_path, monkeypatch):
    columns = {name: pd.concat([pd.Series(COLUMNS[name])] * 50, ignore_index=True) for name in names}
    frame = pd.DataFrame({**columns, "n": range(200), "kind": target * 100})
    monkeypatch.setattr("dropforge.data.rows.read_frame", lambda *_: frame)
    expected = read_rows(ANY_FRAME, tmp_path)
    load(ANY_FRAME, tmp_path)
    monkeypatch.setattr("dropforge.data.rows.read_frame", None)
    rows = load(ANY_FRAME, tmp_path)
    assert_same(rows, expected)
    assert rows.features.dtypes.to_dict() == frame.drop(columns="kind").apply(plain_values).dtypes.to_dict()


def test_parts_are_views_of_one_read_only_copy(tmp_path):
    put(table().assign(kind=[0, 1] * 100), tmp_path / "table.csv")
    load(TABLE, tmp_path)
    rows = load(TABLE, tmp_path)
    whole = rows.features.to_numpy()
    for part in PARTS:
        features, target = rows.part(part)
        assert np.shares_memory(np.asarray(features), whole)
        assert np.shares_memory(np.asarray(target), np.asarray(rows.target))
        assert np.asarray(features).flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            np.asarray(features)[0] = 1


def test_whoever_changes_a_part_changes_a_copy(tmp_path):
    load(WINE, tmp_path)
    rows = load(WINE, tmp_path)
    features, target = rows.part("train")
    features.loc[:, "alcohol"] = 0.0
    target[:] = 0
    assert_same(rows, read_rows(WINE, tmp_path))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=10),
        RandomForestClassifier(3, random_state=0),
        HistGradientBoostingClassifier(max_iter=2),
        KNeighborsClassifier(),
        SVC(),
        GaussianNB(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_classifiers_learn_the_same_from_mapped_rows(estimator, tmp_path):
    load(WINE, tmp_path)
    mapped_rows, own = load(WINE, tmp_path), read_rows(WINE, tmp_path)
    predicted = estimator.fit(*mapped_rows.part("train")).predict(mapped_rows.part("test")[0])
    assert predicted.tolist() == estimator.fit(*own.part("train")).predict(own.part("test")[0]).tolist()


def test_a_changed_file_is_read_anew_and_takes_the_place_of_the_old_one(tmp_path, reads):
    path = tmp_path / "table.csv"
    put(table(), path)
    before = load(TABLE, tmp_path)
    old = before.features.copy()
    put(table(300), path, CLOCK + 1)
    assert len(load(TABLE, tmp_path).target) == len(load(TABLE, tmp_path).target) == 300
    assert reads == ["table.csv"] * 2
    assert len(stored(tmp_path)) == 1
    pd.testing.assert_frame_equal(before.features, old)  # who has the old rows mapped keeps them


def test_another_file_of_the_same_size_and_time_is_another_file(tmp_path, reads):
    put(table().assign(x=0.25), tmp_path / "table.csv")
    load(TABLE, tmp_path)
    put(table().assign(x=0.75), tmp_path / "other.csv")
    (tmp_path / "other.csv").replace(tmp_path / "table.csv")
    assert set(load(TABLE, tmp_path).features["x"]) == {0.75}


def test_other_settings_are_other_rows(tmp_path):
    put(table(), tmp_path / "table.csv")
    for data in (
        TABLE,
        replace(TABLE, id="x"),
        replace(TABLE, split=replace(SPLIT, seed=1)),
        replace(TABLE, split=Split(0.3, 0.3, 42)),
    ):
        load(data, tmp_path)
        assert_same(load(data, tmp_path), read_rows(data, tmp_path))


@pytest.mark.parametrize("package", ["pandas", "scikit-learn"])
def test_rows_of_other_versions_of_the_libraries_are_read_anew(package, tmp_path, reads, monkeypatch):
    load(WINE, tmp_path)
    if package == "pandas":
        monkeypatch.setattr(shared, "_FORMAT", (*shared._FORMAT[:1], "2.0.0", *shared._FORMAT[2:]))
    else:
        monkeypatch.setattr("importlib.metadata.version", lambda _: "1.0.0")
    load(WINE, tmp_path)
    assert len(reads) == 2


def test_a_file_that_was_written_just_now_is_not_stored(tmp_path, reads, monkeypatch):
    put(table(), tmp_path / "table.csv")
    monkeypatch.setattr("time.time", lambda: CLOCK + 1.5)
    assert_same(load(TABLE, tmp_path), load(TABLE, tmp_path))
    assert not stored(tmp_path)
    monkeypatch.setattr("time.time", lambda: CLOCK + 2.5)
    load(TABLE, tmp_path)
    assert stored(tmp_path)


def test_processes_that_start_together_read_the_source_once(tmp_path, monkeypatch):
    fork = multiprocessing.get_context("fork")
    processes = 4
    missed, digests = fork.Semaphore(0), fork.SimpleQueue()
    reads = tmp_path / "reads"

    def miss(place, state):
        found = mapped_read(place, state)
        if found is None:
            missed.release()
        return found

    def read_when_all_have_looked(source, home, form):
        with reads.open("a") as file:
            file.write(f"{source}\n")
        for _ in range(processes + 1):  # each once, and the first one again, under the lock
            assert missed.acquire(timeout=30)
        return sources.read_frame(source, home, form)

    mapped_read = mapped.read
    monkeypatch.setattr(mapped, "read", miss)
    monkeypatch.setattr("dropforge.data.rows.read_frame", read_when_all_have_looked)
    started = [fork.Process(target=lambda: digests.put(load(WINE, tmp_path).digest)) for _ in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * processes
    assert reads.read_text().splitlines() == [WINE.source]
    assert len({digests.get() for _ in started}) == 1


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path, reads):
    load(WINE, tmp_path)
    (entry,) = stored(tmp_path)
    entry.rename(entry.with_suffix(".draft"))
    load(WINE, tmp_path)
    load(WINE, tmp_path)
    assert len(reads) == 2
    assert sorted(path.suffix for path in entry.parent.iterdir()) == [".lock", ".rows"]


@pytest.mark.parametrize("blocked", [".dropforge", ".dropforge/data"])
def test_a_state_folder_that_cannot_be_written_costs_only_the_sharing(blocked, tmp_path, reads, caplog):
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).touch()
    for number in (1, 2):
        assert_same(load(WINE, tmp_path), read_rows(WINE, tmp_path))
        assert len(caplog.records) == number
    assert "the rows of sklearn.datasets.load_wine are read by each task anew" in caplog.text
    assert len(reads) == 4


def test_a_full_disk_costs_only_the_sharing_and_leaves_nothing_half(tmp_path, reads, caplog):
    put(table(), tmp_path / "table.csv")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        rows = load(TABLE, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert reads == ["table.csv"]
    assert "cannot be stored: [Errno" in caplog.text
    assert [path.suffix for path in (tmp_path / ".dropforge/data").iterdir()] == [".lock"]
    assert_same(rows, load(TABLE, tmp_path))


class Planted:
    """What runs when somebody loads a pickle that he did not write."""

    def __reduce__(self):
        return os._exit, (1,)


def flip(entry):
    content = bytearray(entry.read_bytes())
    content[content.index(b"load_wine")] ^= 1
    entry.write_bytes(content)


DAMAGES = {
    "cut short": lambda entry: os.truncate(entry, entry.stat().st_size - 1),
    "cut in its head": lambda entry: os.truncate(entry, 40),
    "empty": lambda entry: os.truncate(entry, 0),
    "changed": flip,
    "a pickle of somebody": lambda entry: entry.write_bytes(pickle.dumps(Planted())),
    "head without sense": lambda entry: entry.write_bytes(b"dropforge mapped 1\n" + json.dumps([]).encode() + b"\n"),
    "others may write": lambda entry: entry.chmod(0o620),
    "not ours": lambda entry: os.chown(entry, 12345, -1),
    "unreadable": lambda entry: (entry.unlink(), entry.symlink_to(entry.name)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_ignored_and_written_anew(damage, tmp_path, reads):
    if damage == "not ours" and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    load(WINE, tmp_path)
    DAMAGES[damage](*stored(tmp_path))
    for _ in range(2):
        assert_same(load(WINE, tmp_path), load(WINE, tmp_path))
    assert len(reads) == 2


def test_a_value_whose_buffer_was_cut_is_not_loaded(tmp_path):
    mapped.write(tmp_path / "value", pyarrow.py_buffer(b"long enough"), "as it is")
    assert mapped.read(tmp_path / "value", "as it is").to_pybytes() == b"long enough"
    os.truncate(tmp_path / "value", (tmp_path / "value").stat().st_size - 1)
    assert mapped.read(tmp_path / "value", "as it is") is None


def test_nobody_else_may_read_the_rows(tmp_path):
    load(WINE, tmp_path)
    assert stored(tmp_path)[0].stat().st_mode & 0o777 == 0o600


def test_mistakes_are_found_each_time(tmp_path, reads):
    put(table().assign(kind="a"), tmp_path / "table.csv")
    for _ in range(2):
        with pytest.raises(UserError, match="fewer than two classes"):
            load(TABLE, tmp_path)
    assert len(reads) == 2
    assert not stored(tmp_path)
    put(table(), tmp_path / "table.csv")
    assert len(load(TABLE, tmp_path).target) == 200
