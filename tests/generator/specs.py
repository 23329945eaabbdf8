"""Write specs as people do."""

import json
from pathlib import Path

import pytest

from dropforge.documents import UserError
from generator.spec import read_spec

WINE = """version: 1
pipelines:
  wine:
    data: {source: sklearn.datasets.load_wine, target: target}
"""


def spec_of(folder: Path, content):
    """Read a spec: text as it stands, or a value."""
    path = folder / "pipelines.yaml"
    path.write_text(content if isinstance(content, str) else _yaml(content), encoding="utf-8")
    return read_spec(path)


def _yaml(value):
    """Return a value as JSON, which is YAML once what cannot be printed is spelled out."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in text)


def mistakes(folder: Path, content):
    """Return line, key path and message of each mistake; each has a file and a remedy."""
    with pytest.raises(UserError) as caught:
        spec_of(folder, content)
    problems = caught.value.problems
    assert all(problem.file == str(folder / "pipelines.yaml") and problem.remedy for problem in problems)
    return [(problem.line, problem.path, problem.message) for problem in problems]


def wine(**changes):
    """Return a spec of one pipeline, with sections changed."""
    pipeline = {"data": {"source": "sklearn.datasets.load_wine", "target": "target"}}
    return {"version": 1, "pipelines": {"wine": pipeline | changes}}
