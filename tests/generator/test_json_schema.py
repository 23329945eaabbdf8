"""The schemas that editors read: nothing that is right is flagged, and what is flagged `check` refuses too."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from dropforge.project import Project
from generator.schemas import editor_line, write_schemas


def test_a_project_gets_both_schemas_and_its_files_name_them(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for path in write_schemas(project):
        jsonschema.Draft7Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
    for file in ("pipelines.yaml", "pipelines.d/more.yaml", "configs/wine/forest.yaml"):
        line = editor_line(project, tmp_path / file)
        named = (tmp_path / file).parent / line.strip().partition("$schema=")[2]
        kind = "config.json" if file.startswith("configs") else "spec.json"
        assert named.resolve() == tmp_path / "schemas" / kind
