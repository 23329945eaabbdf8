"""The command generate."""

from __future__ import annotations

from pathlib import Path

from tests.dropforge.cli.commands import BEER, CHANGED, SPEC, Result, Run


def test_generate_adds_and_then_keeps(run: Run, home: Path) -> None:
    assert run("generate", "--check").code == 1
    assert not (home / "dags_generated").exists()
    result = run("generate")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "wine: is new",
        "add dags_generated/wine.yaml",
        "add dags_generated/wine.py",
        "2 DAGs are added",
    ]
    assert run("generate", "--check") == Result(0, "dags_generated is what pipelines.yaml says\n", "")
    assert {step["action"] for step in run("generate", "--json").json} == {"keep"}


def test_generate_check_names_the_stale_file_and_changes_nothing(run: Run, home: Path) -> None:
    run("generate")
    before = (home / "dags_generated" / "wine.yaml").read_text()
    (home / "pipelines.yaml").write_text(CHANGED)
    result = run("generate", "--check")
    assert result.code == 1
    assert "dags_generated/wine.yaml is stale (change)" in result.out
    assert "Run 'dropforge generate'." in result.out
    result = run("generate", "--check", "--json")
    assert result.code == 1
    words = ["promotion every 1 min -> hourly", "promote.minimum 0.8 -> 0.7"]
    assert result.json[0] == {
        "action": "change", "file": "dags_generated/wine.yaml", "edited": False, "changes": words,
    }  # fmt: skip
    assert (home / "dags_generated" / "wine.yaml").read_text() == before


def test_generate_diff_tells_in_words_and_lines_and_changes_nothing(run: Run, home: Path) -> None:
    run("generate")
    before = (home / "dags_generated" / "wine.yaml").read_text()
    (home / "pipelines.yaml").write_text(CHANGED + BEER)
    result = run("generate", "--diff")
    assert result.code == 0
    assert result.out.splitlines()[:6] == [
        "beer: is new",
        "wine: promotion every 1 min -> hourly; promote.minimum 0.8 -> 0.7",
        "change dags_generated/wine.yaml",
        "add dags_generated/beer.yaml",
        "add dags_generated/beer.py",
        "2 DAGs change, 2 are added",
    ]
    assert "--- a/dags_generated/wine.yaml\n+++ b/dags_generated/wine.yaml\n" in result.out
    assert "--- /dev/null\n+++ b/dags_generated/beer.py\n" in result.out
    changed = [line for line in result.out.splitlines() if line.startswith(("+ ", "- "))]
    assert any("0.8" in line for line in changed if line.startswith("-"))
    assert any("0.7" in line for line in changed if line.startswith("+"))
    assert (home / "dags_generated" / "wine.yaml").read_text() == before
    told = run("generate").out.splitlines()
    assert told == result.out.splitlines()[: len(told)]  # what was shown is what is done
    assert run("generate", "--diff").out == "dags_generated is what pipelines.yaml says\n"


def test_generate_removes_what_no_pipeline_asks_for_any_more_and_names_what_stays(run: Run, home: Path) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    run("generate")
    (home / "dags_generated" / "mine.py").write_text("# somebody's own\n")
    (home / "pipelines.yaml").write_text(SPEC)
    assert run("generate").out.splitlines() == [
        "beer: is removed; its versions and history stay: model 'beer' and experiment 'beer' in MLflow; "
        "its configs stay in configs/beer",
        "remove dags_generated/beer.py",
        "remove dags_generated/beer.yaml",
        "2 DAGs are removed",
    ]
    assert sorted(path.name for path in (home / "dags_generated").iterdir()) == ["mine.py", "wine.py", "wine.yaml"]


def test_generate_does_not_overwrite_what_somebody_edited(run: Run, home: Path) -> None:
    run("generate")
    file = home / "dags_generated" / "wine.yaml"
    edited = file.read_text().replace("retries: 8", "retries: 1")
    file.write_text(edited)
    result = run("generate")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("dags_generated/wine.yaml: this file was edited by hand, so it is not overwritten\n")
    assert "--force" in result.err
    assert file.read_text() == edited
    result = run("generate", "--check")
    assert result.code == 1
    assert "wine: wine.yaml was edited by hand" in result.out
    assert "-    retries: 1\n+    retries: 8\n" in run("generate", "--diff").out
    result = run("generate", "--force")
    assert result.code == 0
    assert "the edited wine.yaml is kept as .dropforge/edited/wine.yaml" in result.out
    assert (home / ".dropforge" / "edited" / "wine.yaml").read_text() == edited
    assert run("generate", "--check").code == 0
