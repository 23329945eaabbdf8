"""init and add: what they print, what they ask, and what they do without somebody to ask."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.dropforge.cli.commands import Run
from tests.dropforge.start.tables import customers, written


@pytest.fixture
def table(home: Path) -> Path:
    path = home / "customers.csv"
    path.write_text(written(customers()))
    return path


def answer(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Let somebody sit at a terminal who gives these answers."""
    left = iter(answers)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(left))


def test_init_tells_of_each_column_what_it_does_and_what_comes_next(run: Run, table: Path) -> None:
    result = run("init", "my shop", "--data", "customers.csv", "--target", "bought")
    assert (result.code, result.err) == (0, "")
    assert "since: dates; the samples leave it out" in result.out
    assert "city: text with 3 values" in result.out
    assert "wrote pipelines.yaml" in result.out
    assert "cd 'my shop'" in result.out
    assert run("check", "--spec", "my shop/pipelines.yaml", "my shop/configs").code == 0
    assert run("generate", "--check", "--spec", "my shop/pipelines.yaml").code == 0


def test_init_without_data_makes_an_example(run: Run) -> None:
    made = run("init", "example", "--json").json
    assert (made["pipeline"], made["target"], made["rows"]) == ("wine", "target", 178)
    assert all((Path("example") / file).is_file() for file in made["files"])
    assert made["next"] == ["cd example", "dropforge up", "dropforge versions wine"]


def test_init_where_a_project_is_says_what_to_do(run: Run, home: Path, table: Path) -> None:
    before = sorted(home.rglob("*"))
    result = run("init", "--data", str(table), "--target", "bought")
    assert result.code == 1
    assert "there is a project already" in result.err
    assert "dropforge add" in result.err
    assert sorted(home.rglob("*")) == before


def test_without_a_terminal_nothing_is_asked(run: Run, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("init", "new", "--data", "customers.csv")
    assert result.code == 2
    assert "--target" in result.err
    assert "bought, visits, member, city" in result.err
    result = run("add", "shop")
    assert result.code == 2
    assert "--data" in result.err
    answer(monkeypatch)  # a program reads the JSON: it isn't asked either
    assert run("init", "new", "--data", "customers.csv", "--json").code == 2
    assert not Path("new").exists()


def test_in_a_terminal_only_the_target_is_asked_until_it_is_one(
    run: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "bouht", "bought")
    result = run("init", "new", "--data", "customers.csv")
    assert result.code == 0
    assert "there is no column 'bouht'" in result.out
    assert "predicts 'bought'" in result.out
    Path("evident.csv").write_text(written(customers().rename(columns={"bought": "target"})))
    assert run("init", "other", "--data", "evident.csv").code == 0


def test_of_many_classes_the_most_frequent_are_shown(run: Run, home: Path) -> None:
    (home / "many.csv").write_text("x,kind\n" + "".join(f"{n},k{n % 20:02}\n" for n in range(400)))
    said = "k00 5%, k01 5%, k02 5%, k03 5%, k04 5% and 15 more classes"
    assert f"400 rows; predicts 'kind' ({said})" in run("init", "new", "--data", "many.csv", "--target", "kind").out
    assert f"{said} of 400 rows." in Path("new/pipelines.yaml").read_text()


def test_add_puts_a_pipeline_beside_those_that_are_there(run: Run, home: Path, table: Path) -> None:
    before = (home / "pipelines.yaml").read_text()
    made = run("add", "shop", "--data", "customers.csv", "--target", "bought", "--json").json
    assert made["files"][0] == "pipelines.yaml"
    assert (home / "pipelines.yaml").read_text().startswith(before)
    assert run("check", "configs").code == 0
    assert run("generate", "--check").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "wine", "--data", "customers.csv", "--target", "bought"], "there is a pipeline 'wine' already"),
        (["add", "My Shop", "--data", "customers.csv", "--target", "bought"], "'My Shop' cannot name a pipeline"),
        (["add", "shop", "--data", "gone.csv", "--target", "bought"], "gone.csv: there is no such file"),
        (["add", "shop", "--data", "customers.csv", "--target", "bouht"], "Did you mean 'bought'?"),
        (["add", "shop", "--data", "customers.csv", "--target", "note"], "120 classes in 120 rows"),
        (["init", "new", "--pipeline", "defaults"], "'defaults' cannot name a pipeline"),
        (["init", "customers.csv"], "this is no folder"),
    ],
)
def test_a_mistake_is_a_message_and_changes_nothing(
    run: Run, home: Path, table: Path, arguments: list[str], message: str
) -> None:
    before = sorted(home.rglob("*"))
    result = run(*arguments)
    assert result.code == 1
    assert message in result.err
    assert sorted(home.rglob("*")) == before
