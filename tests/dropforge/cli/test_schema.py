"""The commands schema and templates."""

from __future__ import annotations

from pathlib import Path

from tests.dropforge.cli.commands import BEER, SPEC, Run


def test_schema_is_printed_or_written_and_generate_keeps_it_up_to_date(run: Run, home: Path) -> None:
    assert run("schema", "spec").json["properties"]["pipelines"]["description"]
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    narrow = run("schema", "config", "--pipeline", "beer").out
    assert "sklearn.tree.DecisionTreeClassifier" in narrow
    assert "sklearn.svm.SVC" not in narrow
    result = run("schema", "spec", "--output", "schemas/spec.json", "--json")
    assert result.json == {"file": "schemas/spec.json"}
    run("generate")
    assert run("generate", "--check").code == 0
    for path in (home / "schemas").iterdir():
        path.write_text(path.read_text().replace("dropforge", "dropforge 0.0", 1))
    result = run("generate", "--check")
    assert result.code == 1
    assert "schemas: spec.json was edited by hand" not in result.out
    assert "schemas/spec.json is stale (change)" in result.out
    assert "schemas/config.json is stale (change)" in result.out
    assert run("generate").code == 0
    assert run("generate", "--check").code == 0
    assert run("schema", "spec", "--pipeline", "wine").code == 1


def test_templates_are_exported_once_and_a_mistake_in_one_has_its_line(run: Run, home: Path) -> None:
    result = run("templates", "export", "--json")
    assert [(step["action"], step["edited"]) for step in result.json] == [("add", False), ("add", False)]
    template = home / "templates" / "pipeline.yaml.j2"
    template.write_text(template.read_text().replace("\n  tasks:\n", "\n  taks:\n", 1))
    result = run("generate")
    line = template.read_text().split("\n  taks:\n")[0].split("_train:\n")[0].count("\n") + 2
    assert (result.code, result.out) == (1, "")
    assert f"{template}:{line}: what it renders has a DAG 'wine_train' without tasks" in result.err
    result = run("templates", "export")
    assert result.code == 1
    assert "templates/pipeline.yaml.j2: this template is not the packaged one" in result.err
    assert "kept as .dropforge/edited/pipeline.yaml.j2" in run("templates", "export", "--force").out
    assert run("generate").code == 0
