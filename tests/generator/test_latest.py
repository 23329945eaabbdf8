"""The pipelines as they are now: as generated, else as the spec says."""

import pytest

from dropforge.documents import UserError
from generator.latest import Latest
from generator.plan import apply, plan
from generator.spec import read_spec
from tests.generator.specs import WINE, spec_of

BEER = "  beer:\n    data: {source: sklearn.datasets.load_iris, target: target}\n"


def generate(home, text):
    apply(plan(spec_of(home, text)))


def latest(home):
    return Latest(home, lambda: read_spec(home).pipelines)


def names(latest):
    return [pipeline.name for pipeline in latest()]


def test_each_generation_is_taken_up(tmp_path):
    generate(tmp_path, WINE)
    now = latest(tmp_path)
    assert names(now) == ["wine"]
    spec_of(tmp_path, WINE + BEER)
    assert names(now) == ["wine"]
    generate(tmp_path, WINE + BEER)
    assert names(now) == ["beer", "wine"]
    generate(tmp_path, WINE.replace("wine:", "whine:"))
    assert names(now) == ["whine"]


def test_a_file_is_only_read_when_it_changed(tmp_path, monkeypatch):
    generate(tmp_path, WINE)
    now = latest(tmp_path)
    first = now()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_bytes", None)
        assert now() is first
    generate(tmp_path, f"{WINE}    description: Wines\n")
    assert now()[0].description == "Wines"


def test_a_mistake_in_the_spec_does_not_matter_once_something_was_generated(tmp_path):
    generate(tmp_path, WINE)
    (tmp_path / "pipelines.yaml").write_text("version: [\n")
    assert names(latest(tmp_path)) == ["wine"]


def test_the_spec_counts_where_nothing_was_generated(tmp_path):
    now = latest(tmp_path)
    (tmp_path / "pipelines.yaml").write_text("version: [\n")
    for _ in range(2):
        with pytest.raises(UserError):
            now()
    spec_of(tmp_path, WINE + BEER)
    assert names(now) == ["wine", "beer"]
    generate(tmp_path, WINE)
    assert names(now) == ["wine"]
