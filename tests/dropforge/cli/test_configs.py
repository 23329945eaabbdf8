"""The command check."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from dropforge.project import Project
from dropforge.registry import Store
from tests.dropforge.cli.commands import BAD, BEER, SPEC, Result, Run, config
from tests.dropforge.wine import TREE, version_of


def test_check_of_the_spec_alone(run: Run) -> None:
    assert run("check") == Result(0, "pipelines.yaml: 1 pipeline(s), no mistake\n", "")
    assert run("check", "--json").json == []


def test_check_of_a_good_config(run: Run) -> None:
    result = run("check", config(TREE))
    assert (result.code, result.err) == (0, "")
    assert result.out == "configs/wine/model.yaml: 1 candidate(s)\n"
    assert run("check", "--json", config(TREE)).json == [
        {
            "file": "configs/wine/model.yaml",
            "ok": True,
            "candidates": [{"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}],
            "errors": [],
        }
    ]


def test_check_names_every_mistake_of_every_config(run: Run) -> None:
    arguments = [config(BAD + b"  splitter: 7\n", "bad.yaml"), config(b'{"class": "Tree"}', "bad.json"), config(TREE)]
    result = run("check", *arguments)
    assert result.code == 1
    assert "configs/wine/bad.yaml: 2 mistakes" in result.out
    assert "bad.yaml:3:3: params.max_dept: " in result.out
    assert "bad.yaml:4:" in result.out
    assert "configs/wine/model.yaml: 1 candidate(s)" in result.out
    result = run("check", "--json", *arguments)
    assert result.code == 1
    yaml, json_, good = result.json
    assert (yaml["ok"], json_["ok"], good["ok"]) == (False, False, True)
    assert set(yaml) == {"file", "ok", "candidates", "errors"}
    assert yaml["candidates"] == []
    assert yaml["errors"][0] == {
        "line": 3,
        "column": 3,
        "path": "params.max_dept",
        "value": "3",
        "message": "DecisionTreeClassifier has no parameter 'max_dept'",
        "hint": "Did you mean 'max_depth'?",
    }
    assert [error["line"] for error in yaml["errors"]] == [3, 4]
    assert [error["path"] for error in json_["errors"]] == ["class"]


def test_check_of_a_file_that_is_not_there_is_a_mistake_of_that_file(run: Run) -> None:
    result = run("check", "--json", "configs/wine/gone.yaml", config(TREE))
    assert result.code == 1
    gone, good = result.json
    assert gone["errors"][0]["message"] == "there is no such file"
    assert good["ok"]


def test_a_config_that_is_nobodys_and_not_there_is_not_there(run: Run, home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    assert "gone.yaml: there is no such file" in run("check", "gone.yaml").out


def test_mistakes_of_the_spec_are_json_too(run: Run, home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC.replace("f1_macro", "f1_makro").replace("timeout_", "time_"))
    for configs in ([], [config(TREE)]):
        result = run("check", "--json", *configs)
        assert (result.code, result.err) == (1, "")
        (spec,) = result.json
        assert (spec["file"], spec["ok"], spec["candidates"]) == ("pipelines.yaml", False, [])
        assert [error["line"] for error in spec["errors"]] == [5, 6]
        assert spec["errors"][1]["hint"] == "Did you mean 'f1_macro'?"


def test_folder_of_a_config_tells_whose_allow_list_counts(run: Run, home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    (home / "configs" / "beer").mkdir()
    forest = b"class: sklearn.ensemble.RandomForestClassifier\n"
    for name in ("wine", "beer"):
        (home / "configs" / name / "forest.yaml").write_bytes(forest)
    (home / "forest.yaml").write_bytes(forest)
    assert run("check", "configs/wine/forest.yaml").code == 0
    result = run("check", "configs/beer/forest.yaml")
    assert result.code == 1
    assert "is not allowed here" in result.out
    assert run("check", "forest.yaml", "--pipeline", "wine").code == 0
    result = run("check", "forest.yaml")
    assert result.code == 1
    assert "it lies in no watch folder" in result.out + result.err
    assert "--pipeline (wine, beer)" in result.out + result.err


def test_what_users_wrote_is_printed_as_they_wrote_it(run: Run, stocked: Project) -> None:
    path = config(b'class: ":warning: [red]x[/red]"\n')
    assert ":warning: [red]x[/red]" in run("check", path).out
    assert ":warning: [red]x[/red]" in run("check", "--json", path).json[0]["errors"][0]["message"]
    assert ":warning: [red]x[/red]" in run("train", path, "--pipeline", "wine").err
    store = Store.connect(stocked)
    store.tag(version_of(store, 1), {"config_file": "[red]:x:"})
    assert "[red]:x:" in run("versions", "wine").out


def test_check_of_a_folder_takes_what_a_watch_folder_would(run: Run, home: Path) -> None:
    wine = home / "configs" / "wine"
    for folder in ("done", "rejected", ".claims", "more"):
        (wine / folder).mkdir()
    names = ["b.yaml", "a.JSON", "c.yml", "a.txt", ".hidden.yaml", "~b.yaml", "done/d.yaml", "rejected/e.yaml"]
    for name in [*names, ".claims/f.json", "more/g.yaml"]:
        (wine / name).write_bytes(b'{"class": "GaussianNB"}')
    taken = ["a.JSON", "b.yaml", "c.yml", "more/g.yaml"]
    found = run("check", "--json", "configs/wine")
    assert (found.code, [result["file"] for result in found.json]) == (0, [f"configs/wine/{name}" for name in taken])
    # A bad one hides no other; a file that is named is looked at wherever it lies.
    (wine / "more" / "g.yaml").write_bytes(BAD)
    result = run("check", "configs/wine", "configs/wine/rejected/e.yaml")
    assert result.code == 1
    for line in (
        *(f"configs/wine/{name}: 1 candidate(s)\n" for name in [*taken[:3], "rejected/e.yaml"]),
        "configs/wine/more/g.yaml: 1 mistake\n",
    ):
        assert line in result.out


def test_check_of_an_empty_folder_says_so(run: Run) -> None:
    assert run("check", "configs/wine") == Result(0, "no config there\n", "")
    assert run("check", "--json", "configs/wine").json == []


def test_limit_of_grids_is_that_of_the_spec(run: Run, home: Path) -> None:
    path = config(b"class: SVC\ngrid: {C: [1, 2, 3]}\n")
    assert run("check", path).out == "configs/wine/model.yaml: 3 candidate(s)\n"
    (home / "pipelines.yaml").write_text(SPEC.replace("timeout_seconds: 120", "timeout_seconds: 120, max_grid: 2"))
    result = run("check", path)
    assert result.code == 1
    assert "the grid has 3 combinations, and the spec allows 2" in result.out
    assert "raise train.max_grid in the spec" in result.out


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put something into the pipe that a command reads."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["nothing", "-"])
def test_convert_takes_what_comes_in_by_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    pipe(monkeypatch, b"small: {type: SVC, kwargs: [C: 1, gamma: auto]}")
    plain = "class: sklearn.svm.SVC\nparams:\n  C: 1\n  gamma: auto\nname: small\n"
    assert run("convert", *arguments) == Result(0, plain, "")
    pipe(monkeypatch, plain.encode())
    model = {"class": "sklearn.svm.SVC", "params": {"C": 1, "gamma": "auto"}, "name": "small"}
    assert run("convert", "--json", *arguments).json == model


def test_convert_joins_files_and_the_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b'[{"model": "GaussianNB"}]')
    found = run("convert", "--json", config(b"classifier: SVC\nC: 2", "a.yaml"), "-", config(TREE)).json
    names = [model["class"].rpartition(".")[2] for model in found["models"]]
    assert names == ["SVC", "GaussianNB", "DecisionTreeClassifier"]


def test_convert_names_every_mistake_and_prints_nothing_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"class: SVC\nmodel: GaussianNB")
    result = run("convert", "-", config(b"class: [", "a.yaml"), config(TREE), "gone.yaml")
    assert (result.code, result.out) == (1, "")
    for place in ("stdin.yaml:2:1: model: two classes are named", "configs/wine/a.yaml:1:9: this is not YAML"):
        assert place in result.err
    assert "gone.yaml: there is no such file" in result.err
