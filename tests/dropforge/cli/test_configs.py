"""The command check."""

from __future__ import annotations

from pathlib import Path

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
