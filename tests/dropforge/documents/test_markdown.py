"""Text as code in Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge.documents import code


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a.yaml", "`a.yaml`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("two\nlines", "`two lines`")],
)
def test_code(text, shown):
    assert code(text) == shown


@given(st.text("`a *\n"))
def test_no_backtick_of_the_text_ends_it(text):
    shown = code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    if "`" in text:
        assert fence not in shown[len(fence) : -len(fence)]
    assert shown.endswith(fence)
    assert "\n" not in shown
