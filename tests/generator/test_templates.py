"""The packaged templates become the project's own: copied once, never over what somebody edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from dropforge.documents import UserError
from generator.plan import apply, plan
from generator.render import TEMPLATES, packaged
from generator.templates import export, export_steps
from tests.generator.specs import WINE, spec_of


def test_templates_are_copied_and_render_the_same(tmp_path: Path) -> None:
    apply(plan(spec_of(tmp_path, WINE)))
    assert export(export_steps(tmp_path / "templates")) == ()
    for name in TEMPLATES:
        assert (tmp_path / "templates" / name).read_bytes() == (packaged() / name).read_bytes()
    assert {step.action for step in plan(spec_of(tmp_path, WINE))} == {"keep"}
    assert {step.action for step in export_steps(tmp_path / "templates")} == {"keep"}


def test_an_edited_template_is_part_of_the_plan_and_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    export(export_steps(folder))
    apply(plan(spec_of(tmp_path, WINE)))
    mine = folder / "pipeline.yaml.j2"
    mine.write_text(mine.read_text("utf-8").replace("catchup: false", "catchup: true"), encoding="utf-8")
    assert [step.path.name for step in plan(spec_of(tmp_path, WINE)) if step.action == "change"] == ["wine.yaml"]
    edited = mine.read_bytes()
    (folder / "pipeline.py.j2").unlink()
    with pytest.raises(UserError, match="is not the packaged one"):
        export(export_steps(folder))
    assert mine.read_bytes() == edited
    assert not (folder / "pipeline.py.j2").exists()
    (copy,) = export(export_steps(folder), tmp_path / "copies")
    assert copy.read_bytes() == edited
    assert mine.read_bytes() == (packaged() / "pipeline.yaml.j2").read_bytes()
