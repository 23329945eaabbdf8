"""Each code block of README and docs is run, or says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dropforge.configs import read_candidates
from dropforge.estimators import Allowed
from generator.spec import read_spec
from tests.docs.blocks import ALL, PAGES, ROOT, RUN, Block, blocks, commands, missing, read, starts_a_stack, walked


@pytest.mark.parametrize("block", ALL, ids=str)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    assert block.what, "write '<!-- not run: why -->' before it, or '<!-- file: PATH -->' where it is a file's text"
    assert set(block.notes) <= {"not run", "file", "before"}
    if block.what == "spec":
        assert "version: 1" in block.text


@pytest.mark.parametrize("block", [block for block in ALL if block.what == "spec"], ids=str)
def test_a_spec_is_right(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pipelines.yaml").write_text(block.text, encoding="utf-8")
    assert read_spec(tmp_path).pipelines


@pytest.mark.parametrize("block", [block for block in ALL if block.what == "config"], ids=str)
def test_a_config_is_right(block: Block) -> None:
    assert read_candidates(block.text.encode(), f"example.{block.language}", Allowed())


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in RUN if not starts_a_stack(page)], ids=lambda page: page.name)
def test_a_reader_gets_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    read(page, tmp_path)


@pytest.mark.parametrize("page", [page for page in PAGES if walked(page)], ids=lambda page: page.name)
def test_a_page_that_a_test_walks_is_named_there(page: Path) -> None:
    assert page.name in (ROOT / str(walked(page))).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_is_overlooked(page: Path) -> None:
    assert len(re.findall("^ *```", page.read_text(encoding="utf-8"), re.M)) == 2 * len(blocks(page))


def test_what_a_block_shows_is_looked_for_in_order() -> None:
    said = "one\ntwo  \nthree\n"
    assert missing(["one", "...", "three"], said) is None
    assert missing(["two", "one"], said) == "one"
    assert missing(["tw"], said) == "tw"


def test_a_command_of_several_lines_is_one() -> None:
    assert list(commands("$ a 'b\n  c'\nd\n$ e \\\n  f\n")) == [("a 'b\n  c'", ["d"]), ("e \\\n  f", [])]
