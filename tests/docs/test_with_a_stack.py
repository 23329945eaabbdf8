"""The pages on which a reader starts a stack: each command is run, and shows what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import RUN, read, starts_a_stack


@pytest.mark.stack
@pytest.mark.parametrize("page", [page for page in RUN if starts_a_stack(page)], ids=lambda page: page.name)
def test_a_reader_gets_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    read(page, tmp_path)
