"""The schemas as files of a project: written, kept, made anew where they are stale, and named by what they describe."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from dropforge.documents import UserError
from dropforge.project import Project
from generator import schemas
from generator.plan import apply
from generator.schemas import FOLDER, TEXTS, editor_line, schema_steps

ROOT = Path(__file__).parents[2]


def write_schemas(home: Path) -> None:
    """Write both schemas, as `dropforge generate` does where the folder is there."""
    (home / FOLDER).mkdir()
    apply(schema_steps(home))


def actions(home: Path) -> dict[str, tuple[str, bool]]:
    return {step.path.name: (step.action, step.edited) for step in schema_steps(home)}


def test_a_project_gets_both_schemas_and_its_files_name_them(tmp_path: Path) -> None:
    project = Project(tmp_path)
    write_schemas(tmp_path)
    for name in TEXTS:
        text = (tmp_path / FOLDER / name).read_text(encoding="utf-8")
        jsonschema.Draft7Validator.check_schema(json.loads(text))
    for file in ("pipelines.yaml", "pipelines.d/more.yaml", "configs/wine/forest.yaml"):
        line = editor_line(project, tmp_path / file)
        named = (tmp_path / file).parent / line.strip().partition("$schema=")[2]
        kind = "config.json" if file.startswith("configs") else "spec.json"
        assert named.resolve() == tmp_path / "schemas" / kind


def test_schemas_are_made_once_and_again_for_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert schema_steps(tmp_path) == ()  # a project without the folder wants none
    write_schemas(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(schemas, "TEXTS", dict.fromkeys(TEXTS, None))  # none is made to see that it is up to date
        assert actions(tmp_path) == dict.fromkeys(TEXTS, ("keep", False))
    config = tmp_path / "schemas" / "config.json"
    config.write_text(config.read_text("utf-8").replace("scikit-learn 1.", "scikit-learn 0.", 1), encoding="utf-8")
    assert actions(tmp_path) == {"spec.json": ("keep", False), "config.json": ("change", False)}
    apply(schema_steps(tmp_path))
    assert actions(tmp_path)["config.json"] == ("keep", False)


def test_a_schema_that_was_edited_is_not_overwritten_silently(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    spec = tmp_path / FOLDER / "spec.json"
    spec.write_text(spec.read_text("utf-8").replace("Merged", "Mixed"), encoding="utf-8")
    assert actions(tmp_path)["spec.json"] == ("change", True)
    with pytest.raises(UserError, match="was edited by hand"):
        apply(schema_steps(tmp_path))


@pytest.mark.parametrize("name", TEXTS)
def test_the_committed_schemas_are_what_this_dropforge_makes(name: str) -> None:
    kind = name.partition(".")[0]
    path = ROOT / "schemas" / name
    assert path.read_text("utf-8") == TEXTS[name](), f"run: dropforge schema {kind} --output {path.relative_to(ROOT)}"


def test_the_samples_of_this_repository_name_schemas_that_are_there() -> None:
    named = 0
    for file in (ROOT / "pipelines.yaml", *(ROOT / "demo").rglob("*.y*ml")):
        for path in re.findall(r"^# yaml-language-server: \$schema=(.*)$", file.read_text("utf-8"), re.M):
            assert (file.parent / path).resolve().parent == ROOT / "schemas"
            named += 1
    assert named >= 5
