"""A project from a table: whatever its columns are called, all files or none, and nothing is overwritten."""

from __future__ import annotations

import errno
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dropforge.configs import read_candidates
from dropforge.data import load
from dropforge.data.rows import PARTS, part_rows
from dropforge.documents import UserError, parse
from dropforge.estimators import Allowed, build
from dropforge.start import add, begin, propose, read_table
from dropforge.start import place as place_module
from dropforge.start.begin import _read_with
from dropforge.start.insert import inserted
from dropforge.start.samples import samples
from dropforge.start.text import IGNORED, entry_text, spec_text
from dropforge.training.prepare import prepare
from generator.plan import plan
from generator.spec import read_spec
from tests.dropforge.start.tables import customers, written

QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# What YAML, a shell, Airflow, dag-factory or a spec's variables could read as their own.
NAMES = st.one_of(
    st.sampled_from(["${HOME}", "$${x}", "{{ x }}", "a: b", "- a", "#", "'", '"', "a\nb", "\u2028", "null", "1", "~"]),
    # numpy's texts, by which pandas selects columns, lose a NUL at their end.
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda name: name[-1] != "\0"),
)


def proposed(frame: pd.DataFrame, target: str = "bought", source: str = "shop.csv", name: str = "shop"):
    return propose(name, source, frame, target)


SHOP = proposed(customers())


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@QUICK
@example(names=["a", "b", "c", "d"], label="x", source="sklearn.svm")
@given(names=st.lists(NAMES, min_size=4, max_size=4, unique=True), label=NAMES, source=NAMES)
def test_whatever_columns_are_called_the_spec_reads_back_and_the_samples_learn(
    names: list[str], label: str, source: str
) -> None:
    target, number, word, day = names
    frame = pd.DataFrame({
        number: [1.5, 2.5, None] * 20,
        word: [label, "b", "c", None] * 15,
        day: ["2024-01-01", "2024-01-02", "2024-01-03"] * 20,
        target: [label, label + "!"] * 30,
    })  # fmt: skip
    proposal = proposed(frame, target, f"{source}.csv".replace("\0", ""))
    (pipeline,) = read_spec(Path("pipelines.yaml"), spec_text(proposal)).pipelines
    assert (pipeline.data.target, pipeline.data.source) == (target, proposal.source)
    assert pipeline.data.split == proposal.split
    for name, text in samples(proposal).items():
        assert not [line for line in text.splitlines() if line.startswith("#") and "\x1b" in line]
        (candidate,) = read_candidates(text.encode(), name, Allowed.of(pipeline.train))
        if name == "logistic_regression.yaml":  # the quickest
            rows = part_rows(frame, pipeline.data)
            tree = prepare(candidate.estimator, pipeline.data, rows).tree
            assert build(tree, 42).fit(rows.features, rows.target).predict(rows.features).size == len(frame)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "shop"


def test_a_project_is_whole_checked_and_generated(home: Path) -> None:
    frame = customers()
    begun = begin(home, proposed(frame), frame)
    found = files(home)
    assert set(found) == set(begun.files)
    assert not [name for name in found if name.endswith(".part")]
    spec = read_spec(home)
    assert all(step.action == "keep" for step in plan(spec))
    assert {name for name in found if name.startswith("configs/shop/")} == {
        "configs/shop/logistic_regression.yaml", "configs/shop/random_forest.yaml",
        "configs/shop/gradient_boosting.yaml",
    }  # fmt: skip
    for name in found:
        if name.endswith(".yaml") and not name.startswith("dags"):
            line = found[name].decode().partition("\n")[0]
            schema = line.removeprefix("# yaml-language-server: $schema=")
            assert ((home / name).parent / schema).resolve().is_file()
    assert found[".gitignore"].decode().splitlines()[1:] == list(IGNORED)


def test_confidence_is_a_comment_that_becomes_a_key_without_its_mark(tmp_path: Path) -> None:
    text = spec_text(SHOP)
    for said, value in ((text, None), (text.replace("# confidence:", "confidence:"), 0.95)):
        (tmp_path / "pipelines.yaml").write_text(said)
        assert read_spec(tmp_path).pipelines[0].promote.confidence == value
    assert "confidence" not in entry_text(SHOP, {"promote": {"confidence": 0.9}})


def test_nothing_is_overwritten_and_what_is_there_is_named(home: Path) -> None:
    frame = customers()
    config = home / "configs" / "shop" / "random_forest.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("mine")
    with pytest.raises(UserError, match=r"configs/shop/random_forest.yaml: this file is there already"):
        begin(home, proposed(frame), frame)
    assert files(home) == {"configs/shop/random_forest.yaml": b"mine"}
    config.unlink()
    (home / ".gitignore").write_text("mine\n.dropforge/\n")
    assert begin(home, proposed(frame), frame).unignored == IGNORED[1:]
    before = files(home)
    assert before[".gitignore"] == b"mine\n.dropforge/\n"
    with pytest.raises(UserError, match="there is a project already"):
        begin(home, proposed(frame), frame)
    assert files(home) == before


def test_a_beginning_that_was_cut_off_can_be_made_again(home: Path) -> None:
    frame = customers()
    begin(home, proposed(frame), frame)
    whole = files(home)
    for name in ("pipelines.yaml", "dags_generated/shop.py", "configs/shop/random_forest.yaml"):
        (home / name).unlink()
        (home / "pipelines.yaml").unlink(missing_ok=True)  # it is written last
        begin(home, proposed(frame), frame)
        assert files(home) == whole


@pytest.mark.parametrize("fails_at", range(6))
def test_a_full_disk_leaves_nothing_behind(home: Path, fails_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written_files = Path.write_bytes, []

    def full(path: Path, content: bytes) -> int:
        written_files.append(path)
        if len(written_files) > fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    frame = customers()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            begin(home, proposed(frame), frame)
    assert files(home.parent) == {}
    assert len(written_files) >= fails_at


def test_a_file_system_without_links_does_as_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(place_module.os, "link", none)
    frame = customers()
    assert set(begin(home, proposed(frame), frame).files) == set(files(home))


# add

SPEC = """\
# Ours.
version: 1   # of the format

defaults:
  promote: {schedule: "@hourly"}  # the house's rule
pipelines:
    # The first of all.
    wine:
        data:
            source: sklearn.datasets.load_wine
            target: target   # which cultivar
        # and that is all of it

# The end.
"""


def added(home: Path, text: str, name: str = "shop") -> str:
    """Add a pipeline to a spec, and return the text that the spec then has."""
    home.mkdir(exist_ok=True)
    (home / "pipelines.yaml").write_bytes(text.encode())
    frame = customers()
    add(read_spec(home), proposed(frame, name=name), frame)
    spec = read_spec(home)
    assert spec.pipelines[-1].name == name
    assert all(step.action == "keep" for step in plan(spec))
    return (home / "pipelines.yaml").read_bytes().decode()


def test_add_keeps_every_line_that_is_there(home: Path) -> None:
    text = added(home, SPEC)
    new = entry_text(proposed(customers()), {"promote": {"schedule": "@hourly"}}, "    ")
    before, after = SPEC.split("\n# The end.")
    assert text == f"{before}\n{new}\n# The end.{after}"
    assert "schedule" not in new
    assert read_spec(home).pipeline("shop").promote.schedule == "@hourly"


@pytest.mark.parametrize(
    "text",
    [
        SPEC.rstrip("\n").removesuffix("# The end."),
        SPEC.replace("\n", "\r\n"),
        f"\ufeff{SPEC}",
        f"{SPEC}...\n",
        SPEC.replace("target   #", "target\n        description: |\n          a\n\n          b\n        #"),
        SPEC.replace("source: ", "{source: ").replace("load_wine\n", "load_wine,\n").replace("target  ", "target}  "),
        "version: 1\npipelines:\n  b: {data: {source: b.csv, target: 't'}}\ndefaults: {}\n",
    ],
)  # fmt: skip
def test_add_inserts_lines_and_changes_none(home: Path, text: str) -> None:
    new = added(home, text)
    lines = new.splitlines(keepends=True)
    kept = [line.rstrip("\r\n") for line in lines]
    for line in text.splitlines():
        assert kept.count(line) >= 1
    assert not (home / "pipelines.d").exists()
    assert ("\r\n" in text) == all(line.endswith("\r\n") for line in lines[:-1])
    old = iter(kept)
    assert all(line in old for line in text.splitlines())  # in their order


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\npipelines: {b: {data: {source: b.csv, target: t}}}\n",
        "version: 1\npipelines:\n  ? b\n  : {data: {source: b.csv,\n  target: t}}\n",
        '{"version": 1, "pipelines": {"b": {"data": {"source": "b.csv", "target": "t"}}}}',
    ],
)
def test_add_makes_a_file_of_its_own_where_the_text_has_no_place(home: Path, text: str) -> None:
    new = added(home, text)
    part = home / "pipelines.d" / "shop.yaml"
    assert (new == text) == part.exists()
    if part.exists():
        assert list(parse(part.read_bytes(), "shop.yaml").value) == ["pipelines"]


@QUICK
@given(
    indent=st.integers(1, 8),
    comments=st.lists(st.sampled_from(["", "# at the edge", "   # inside", "\t# tab"]), max_size=4),
    value=st.sampled_from(["t", "'t'", '"t"', ">-\n{}      t", "|-\n{}      t"]),
    after=st.sampled_from(["", "defaults: {}\n", "defaults:\n  host: {enabled: false}\n"]),
    ended=st.booleans(),
)
def test_add_finds_the_place_in_any_layout(
    tmp_path: Path, indent: int, comments: list[str], value: str, after: str, ended: bool
) -> None:
    pad = " " * indent
    lines = [f"{pad}b:", f"{pad}  data:", f"{pad}    source: b.csv", f"{pad}    target: {value.format(pad)}"]
    text = "version: 1\npipelines:\n" + "\n".join([*lines, *comments]) + "\n" + after
    text = text if ended else text.rstrip("\n")
    path = tmp_path / "pipelines.yaml"
    path.write_text(text)
    try:
        spec = read_spec(path)
    except UserError:  # a tab, or a comment that the text takes in
        return
    new = inserted(text, lambda own: entry_text(SHOP, {}, own))
    assert new is not None
    assert (found := _read_with(spec, new, SHOP))
    assert [pipeline.name for pipeline in found.pipelines] == ["b", "shop"]


def test_add_undoes_all_where_a_file_is_in_the_way(home: Path) -> None:
    home.mkdir()
    (home / "pipelines.yaml").write_text(SPEC)
    (home / "configs" / "shop").mkdir(parents=True)
    (home / "configs" / "shop" / "random_forest.yaml").write_text("mine")
    before = files(home)
    frame = customers()
    with pytest.raises(UserError, match="this file is there already"):
        add(read_spec(home), proposed(frame), frame)
    (home / "configs" / "shop" / "random_forest.yaml").unlink()
    (home / "dags_generated").mkdir()
    (home / "dags_generated" / "wine.yaml").write_text("edited")
    before = files(home)
    with pytest.raises(UserError, match="is not ours"):
        add(read_spec(home), proposed(frame), frame)
    assert files(home) == before


def test_add_leaves_out_samples_that_the_house_refuses(home: Path) -> None:
    added(home, SPEC.replace("defaults:\n", 'defaults:\n  train: {estimators: ["sklearn.*"], deny: ["*Forest*"]}\n'))
    assert {path.name for path in (home / "configs" / "shop").iterdir()} == {
        "logistic_regression.yaml", "gradient_boosting.yaml",
    }  # fmt: skip


# Reading a table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5,6\n", "numbers and no names"),
        ("a,b\n1,2,\n1,4,\n", "more values than its first line has names"),
        ("a,b\n1,2,\n3,4,\n", "more values than its first line has names"),
        ("", "cannot be read: it is empty"),
        ("a,b\n1,2\n3,4,5,6\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_table(str(tmp_path / "a.csv"), tmp_path)
    assert caught.value.problems[0].remedy


def test_what_a_spreadsheet_saved_is_read_once_its_encoding_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Größe;Art\n1,5;süß\n2,5;herb\n".encode("cp1252"))
    with pytest.raises(UserError, match="is not UTF-8") as caught:
        read_table(str(path), tmp_path)
    assert "data.csv: {encoding: cp1252}" in caught.value.problems[0].remedy
    path.write_text(path.read_text("cp1252"), "utf-8")
    assert read_table(str(path), tmp_path).frame["Größe"].tolist() == [1.5, 2.5]


def test_a_folder_of_parquet_files_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for number in range(2):
        customers(60).to_parquet(tmp_path / "shop" / f"{number}.parquet")
    table = read_table(str(tmp_path / "shop"), tmp_path)
    assert (table.source, table.name, len(table.frame)) == ("shop/", "shop", 120)


@pytest.mark.parametrize(
    ("data", "source", "name"),
    [
        ("Kündigungen 2024.csv", "Kündigungen 2024.csv", "kundigungen_2024"),
        ("2024.csv", "2024.csv", ""),
        ("sub/défauts.CSV", "sub/défauts.CSV", "defauts"),
        ("defaults.csv", "defaults.csv", ""),
        ("sklearn.svm.csv", "sklearn.svm.csv", "sklearn_svm"),
        ("sklearn.datasets.load_wine.csv", "sklearn.datasets.load_wine.csv", "sklearn_datasets_load_wine"),
        ("sklearn.datasets.load_breast_cancer", "sklearn.datasets.load_breast_cancer", "breast_cancer"),
    ],
)
def test_a_table_gives_the_pipeline_its_name(tmp_path: Path, monkeypatch, data: str, source: str, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    if data.lower().endswith(".csv"):
        (tmp_path / data).write_text(written(customers(12)))
    table = read_table(data, tmp_path)
    assert (table.source, table.name) == (source, name)


@pytest.mark.parametrize("name", ["sklearn.svm.csv", "sklearn.datasets.load_wine.csv"])
def test_a_file_is_a_file_whatever_it_is_called(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(written(customers()))
    table = read_table(name, tmp_path)
    begin(tmp_path, proposed(table.frame, source=table.source), table.frame)
    (pipeline,) = read_spec(tmp_path).pipelines
    assert sum(load(pipeline.data, tmp_path).count(part) for part in PARTS) == len(table.frame)


def test_a_table_elsewhere_is_named_from_the_project(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(written(customers()))
    table = read_table("a.csv", tmp_path / "new" / "shop")
    assert table.source == "../../a.csv"
    begin(tmp_path / "new" / "shop", proposed(table.frame, source=table.source), table.frame)


@pytest.mark.parametrize("data", ["a.xlsx", "missing.csv", "folder.csv", "sklearn.datasets.load_nothing"])
def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch, data: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError):
        read_table(data, tmp_path)


def test_a_file_that_comes_in_the_last_moment_is_not_overwritten(tmp_path: Path, monkeypatch) -> None:
    path, write = tmp_path / "a.yaml", Path.write_bytes

    def somebody_is_quicker(draft: Path, content: bytes) -> int:
        write(path, b"theirs")
        return write(draft, content)

    monkeypatch.setattr(Path, "write_bytes", somebody_is_quicker)
    with pytest.raises(UserError, match="came just now"), place_module.placed({path: b"ours"}):
        pass
    assert files(tmp_path) == {"a.yaml": b"theirs"}


def test_a_text_that_changes_another_pipeline_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "pipelines.yaml"
    path.write_text("version: 1\npipelines:\n  b: {data: {source: b.csv, target: t}}\n")
    new = path.read_text() + entry_text(SHOP)
    assert _read_with(read_spec(path), new, SHOP)
    assert _read_with(read_spec(path), new.replace("target: t}", "target: u}"), SHOP) is None
