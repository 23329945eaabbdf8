"""Tables as people have them: written in any way, in one file or many, here or in an object store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from dropforge.data import load, rows
from dropforge.data.sources import read_frame
from dropforge.documents import UserError
from dropforge.settings import Csv, Data, Split

TABLE = Data("table.csv", "kind", None, Split(0.2, 0.2, 42))
CLOCK = 1_700_000_000  # long ago, so that the rows are stored


def table(count: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    kinds = random.choice(["a", "b"], count)
    return pd.DataFrame({"size": random.random(count).round(3), "city": random.choice(["Köln", "Bonn"], count),
                         "kind": kinds})  # fmt: skip


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_text_table_is_read_however_it_is_written(
    separator: str, encoding: str, decimal: str, tmp_path: Path
) -> None:
    frame = table()
    frame.to_csv(tmp_path / "table.csv", sep=separator, encoding=encoding, decimal=decimal, index=False, quotechar="'")
    if separator == decimal == ",":  # no line says so
        frame.to_csv(tmp_path / "table.csv", encoding=encoding, index=False)
    pd.testing.assert_frame_equal(read_frame("table.csv", tmp_path), frame)


def test_what_cannot_be_found_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("Größe:Art\n1:süß\n".encode("cp1252"))
    frame = read_frame("t.csv", tmp_path, Csv(separator=":", encoding="cp1252"))
    assert frame.to_dict("list") == {"Größe": [1], "Art": ["süß"]}
    with pytest.raises(UserError, match=r"it is not UTF-8[\s\S]*data.csv: \{encoding: cp1252\}"):
        read_frame("t.csv", tmp_path)
    with pytest.raises(UserError, match=r"it is not UTF-16-LE[\s\S]*Say how it is encoded"):
        read_frame("t.csv", tmp_path, Csv(encoding="utf-16-le"))
    with pytest.raises(UserError, match=r"unknown encoding: cp1[\s\S]*Correct data.csv.encoding"):
        read_frame("t.csv", tmp_path, Csv(encoding="cp1"))


def test_a_compressed_table_is_read(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "table.csv.gz", sep=";", index=False)
    pd.testing.assert_frame_equal(read_frame("table.csv.gz", tmp_path), table())


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip", "zst"])
def test_a_damaged_archive_is_explained(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"noise.csv.{ending}").write_bytes(b"noise" * 20)
    with pytest.raises(UserError, match="the data cannot be read"):
        read_frame(f"noise.csv.{ending}", tmp_path)
    if ending == "zst":  # nothing here writes one
        return
    table(9000).to_csv(tmp_path / f"half.csv.{ending}", index=False)
    whole = (tmp_path / f"half.csv.{ending}").read_bytes()
    (tmp_path / f"half.csv.{ending}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="the data cannot be read"):
        read_frame(f"half.csv.{ending}", tmp_path)


def test_decimals_of_parquet_are_numbers(tmp_path: Path) -> None:
    prices = [Decimal("1.50"), None, Decimal("-2.25")]
    pd.DataFrame({"price": prices, "city": ["a", None, "b"]}).to_parquet(tmp_path / "t.parquet")
    frame = read_frame("t.parquet", tmp_path)
    assert frame["price"].dtype == float
    assert frame["price"].dropna().to_list() == [1.5, -2.25]
    assert frame["city"].dropna().to_list() == ["a", "b"]


def test_lines_may_end_as_on_an_old_macintosh_and_a_text_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a;b\r1;x\r2;y\r")
    assert read_frame("t.csv", tmp_path).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    long = "x" * 200_000
    (tmp_path / "t.csv").write_text(f"a;b\n1;{long}\n")
    assert read_frame("t.csv", tmp_path).to_dict("list") == {"a": [1], "b": [long]}
    (tmp_path / "t.csv").write_text(f'a,b\n1,"{long}\n')
    with pytest.raises(UserError, match="the data cannot be read"):
        read_frame("t.csv", tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", 'b"c', "d;e", "f,g", "h|i", "j k"]), min_size=2, max_size=5, unique=True))
def test_a_name_in_quotes_may_hold_any_separator(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    home = tmp_path_factory.getbasetemp()
    for separator in ",;|":
        frame = pd.DataFrame({name: [1, 2] for name in names})
        frame.to_csv(home / "names.csv", sep=separator, index=False)
        assert list(read_frame("names.csv", home)) == names


def test_a_folder_of_parquet_files_is_one_table_and_is_read_anew_when_a_file_joins(tmp_path: Path) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    data = replace(TABLE, source="table/")

    def put(name: str, frame: pd.DataFrame) -> None:
        frame.to_parquet(folder / name)
        os.utime(folder / name, (CLOCK, CLOCK))

    put("1.parquet", table()[:120])
    put("2.parquet", table()[120:])
    os.utime(folder / "_SUCCESS", (CLOCK, CLOCK))
    assert len(load(data, tmp_path).target) == 200
    assert len(list((tmp_path / ".dropforge/data").glob("*.rows"))) == 1
    put("3.parquet", table(40))
    assert len(load(data, tmp_path).target) == 240


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of an S3 that runs here."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        files = fsspec.filesystem("s3")
        files.mkdir("tables")
        yield "s3://tables"
    server.stop()


def test_a_table_in_an_object_store_is_read_once_and_anew_when_it_changes(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    monkeypatch.setattr(rows, "read_frame", lambda *given: reads.append(given[0]) or read_frame(*given))
    data = replace(TABLE, source=f"{bucket}/table.csv")

    def put(frame: pd.DataFrame) -> None:
        with fsspec.open(data.source, "w") as file:
            frame.to_csv(file, sep=";", index=False)

    put(table())
    (tmp_path / "table.csv").write_text(table().to_csv(index=False))
    assert load(data, tmp_path).digest == load(TABLE, tmp_path).digest  # wherever it lies
    reads.clear()
    assert (len(load(data, tmp_path).target), reads) == (200, [])
    put(table(240))
    assert (len(load(data, tmp_path).target), reads) == (240, [data.source])


def test_a_folder_in_an_object_store_is_one_table(bucket: str, tmp_path: Path) -> None:
    for number in range(2):
        with fsspec.open(f"{bucket}/parts/{number}.parquet", "wb") as file:
            table(100).to_parquet(file)
    assert len(load(replace(TABLE, source=f"{bucket}/parts/"), tmp_path).target) == 200


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s3://tables/none.csv", "there is no such file"),
        ("s3://none/none.csv", "there is no such file"),
        ("nosuch://x/none.csv", "the address cannot be opened"),
    ],
)
def test_an_address_without_a_table_is_explained(bucket: str, source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load(replace(TABLE, source=source), tmp_path)
    assert caught.value.problems[0].file == source


def test_a_table_that_changes_each_time_it_is_read_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    table().to_csv(path, index=False)
    os.utime(path, (CLOCK, CLOCK))

    def read_slowly(*given: object) -> pd.DataFrame:
        frame = read_frame("table.csv", tmp_path)
        if writes:
            writes.pop()
            table(200 + len(writes)).to_csv(path, index=False)
        return frame

    monkeypatch.setattr(rows, "read_frame", read_slowly)
    writes = [None]
    assert len(load(TABLE, tmp_path).target) == 200
    writes = [None] * 9
    os.utime(path, (CLOCK, CLOCK))
    with pytest.raises(UserError, match="the data changed while they were read"):
        load(TABLE, tmp_path)
