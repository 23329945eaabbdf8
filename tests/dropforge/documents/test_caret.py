"""The caret stands under the word, whatever stands before it; and nothing of a file is obeyed by a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dropforge.documents import Problem, UserError, parse, printable
from dropforge.documents.caret import WIDTH, caret


def picture(source: str, column: int, line: int = 7) -> tuple[str, str]:
    """Return the line that is shown, and the line with the carets, without their margins."""
    shown, below = caret(source, line, column).split("\n")
    margin = f"{line} | "
    assert shown.startswith(margin)
    assert below.startswith(" " * len(str(line)) + " | ")
    return shown[len(margin) :], below[len(margin) :]


@pytest.mark.parametrize(
    ("source", "column", "carets"),
    [
        ("params: {max_dept: 3}", 10, "         ^^^^^^^^"),
        ("class: SVC", 1, "^^^^^"),
        ('name: "two words" # x', 7, "      ^^^^^^^^^^^"),
        (r'name: "a\"b" # x', 7, "      ^^^^^^"),
        ("name: 'it is' # x", 7, "      ^^^^^^^"),
        ("a: [1, 2", 9, "        ^"),  # at the end, where something is missing
        ("a: 1", 99, "    ^"),  # and beyond it
        ("a: [", 4, "   ^"),  # a bracket is no word
        ("\tkey: 1", 2, " ^^^"),  # a tab takes one column, in both lines
        ("漢字: SVC", 5, "      ^^^"),  # wide characters take two
        ("name: 漢字", 7, "      ^^^^"),
        ("😀: x", 4, "    ^"),
        ("e\u0301: SVC", 5, "   ^^^"),  # an accent that is put on the letter before it takes none
        ("a\ufe0f: SVC", 5, "   ^^^"),
        ("x\x1b[31m: y", 9, "        ^"),  # what a terminal would obey is one character that shows it
        ("a\u202eb: y", 6, "     ^"),
        ("\u00a0a: 1", 2, " ^"),
    ],
)
def test_caret_stands_under_the_word(source: str, column: int, carets: str) -> None:
    shown, below = picture(source, column)
    assert below == carets
    assert shown == printable(source).rstrip()


def test_number_of_the_line_makes_room_for_itself() -> None:
    assert caret("a: b", 1234, 4) == "1234 | a: b\n     |    ^"


@pytest.mark.parametrize(("before", "after"), [(0, 500), (30, 500), (200, 0), (200, 500), (5000, 5000), (59, 34)])
def test_long_line_is_cut_around_the_word(before: int, after: int) -> None:
    shown, below = picture("b" * before + " wrong " + "a" * after, before + 2)
    at = len(below) - len("wrong")
    assert below == " " * at + "^^^^^"
    assert shown[at : at + 5] == "wrong"
    assert len(shown) <= WIDTH + len("… ") + len(" …")
    assert shown.startswith("… ") is (before > 60)
    assert shown.endswith(" …") is (after > 100)


def test_long_word_is_cut_with_its_line() -> None:
    shown, below = picture("x: " + "w" * 5000, 4)
    assert len(below.rstrip()) == WIDTH
    assert shown == "x: " + "w" * (WIDTH - 3) + " …"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=150).map(lambda text: text.replace("\n", "")), st.integers(1, 200))
def test_whatever_a_line_holds_two_lines_are_printed_with_the_caret_under_the_place(text: str, column: int) -> None:
    shown, below = caret(text, 3, column).split("\n")
    assert (shown + below).isprintable()
    assert set(below[4:]) <= {" ", "^"}
    assert "^" in below
    if (
        max(len(text), cell_len(printable(text))) <= WIDTH
    ):  # in a terminal, what stands over the first caret is what stands at the place
        assert cell_len(below[: below.index("^")]) == cell_len(f"3 | {printable(text[: column - 1])}")


@settings(max_examples=100, deadline=None)
@given(st.text("aé漢\u0301 :{", max_size=250), st.integers(1, 260), st.integers(1, 99_999), st.integers(40, 200))
def test_in_a_narrow_terminal_no_line_is_wrapped_and_the_place_is_shown(
    text: str, column: int, line: int, columns: int
) -> None:
    problem = Problem("m", "r", "a.yaml", line, column, source=f"x{text}")
    _, shown, below, _ = problem.shown(columns).split("\n")
    assert max(cell_len(shown), cell_len(below)) <= columns
    place = cell_len(below[: below.index("^")])
    shown = shown.ljust(columns)
    at = next(index for index in range(len(shown) + 1) if cell_len(shown[:index]) >= place)
    expected = f"x{text}"[column - 1 : column]
    assert cell_len(shown[:at]) == place
    assert not expected.strip() or expected in shown[at : at + 2]  # an accent may stand between


def test_terminal_of_any_width_shows_the_same_short_line() -> None:
    problem = Problem("m", "r", "a.yaml", 7, 1, source="class: SVC")
    assert problem.shown(20) == problem.shown(200) == str(problem)


NASTY = 'name: "\x1b]0;title\x07"\nclass: "\\e[31mSVC\\u202e\\n\\r\\x9b2J"\nparams: {"\\u001b[1m": 1}'


def test_control_characters_reach_no_terminal_from_a_message() -> None:
    problems = [
        Problem("\x1b[31mred\x07", "\x9b2J", "a\x1b.yaml", 1, 1, "a\u202e", source="\x1b[2J\x08"),
        Problem("two\nlines\r\x1b", "more\nthan\x0bone"),
    ]
    for text in (NASTY, NASTY.partition("\n")[2]):
        try:
            document = parse(text, "a.yaml")
        except UserError as error:
            problems += error.problems
        else:
            problems += [document.problem(path, "here") for path in (("class",), ("params", "\x1b[1m"))]
    assert len(problems) == 5
    for problem in problems:
        assert str(problem).replace("\n", "").isprintable(), problem


def test_lines_of_a_message_stay_lines() -> None:
    assert str(Problem("one\ntwo", "do\nthis")) == "one\ntwo\n    do\n    this"
