"""Any bytes give a document or a message, and every value knows its place."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge.documents import Document, UserError, parse, read
from dropforge.documents.reader import MAX_BYTES
from dropforge.documents.yaml12 import MAX_DEPTH, MAX_VALUES
from tests.dropforge.documents.values import texts
from tests.dropforge.fuzz import holds, shortly_and_for_long

FILES = ("a.yaml", "a.yml", "a.json", "A.JSON")
YAML_PIECES = (
    "a", "b", ": ", "- ", "\n", "\n  ", "? ", "&x ", "*x", "<<: *x", "!!int ", "!!bool ", "!!float ", "!!str ", "! ",
    "!!python/object:os.system ", "[", "]", "{", "}", ", ", "'", '"', "\\u", "\\U0011", "\\ud800", "|", ">", "#", "%",
    "%YAML 1.1", "---", "...", "\t", "1", "-", "0x", "0b", "1_", ".", "e5", ":", "=", "null", "true", ".nan", "é",
    "\u2028", "\0", "\ufeff", "\x7f", "\r",
)  # fmt: skip
yaml_soup = st.lists(st.sampled_from(YAML_PIECES), max_size=14).map("".join)
names = st.sampled_from(FILES)
json_soup = st.lists(st.sampled_from([*'{}[]",:\\ \n\t1-.e', '"a"', "null", "NaN", "\\ud800"]), max_size=14).map(
    "".join
)

printable = st.text(st.characters(categories=["L", "N", "P", "Sm"]), max_size=10)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain_values = st.recursive(
    st.none() | st.booleans() | numbers | printable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
    max_leaves=12,
)


def mistake(content, file="a.yaml"):
    with pytest.raises(UserError) as caught:
        parse(content, file)
    (problem,) = caught.value.problems
    return problem


@shortly_and_for_long
def test_anything_gives_a_document_that_can_be_written_or_a_user_error(examples):
    def check(content, file):
        with contextlib.suppress(UserError):
            document = parse(content, file)
            assert isinstance(document, Document)
            # As JSON for Airflow, as UTF-8 for everybody.
            json.dumps(document.value, ensure_ascii=False).encode()

    soup = yaml_soup | json_soup
    holds(examples * 3, check, st.binary(max_size=60) | st.text(max_size=40) | soup | soup.map(str.encode), names)


@settings(max_examples=100, deadline=None)
@given(plain_values, st.sampled_from(FILES), st.sampled_from([None, 2]))
def test_a_value_is_read_as_it_was_written_and_every_part_has_a_place(value, file, indent):
    document = parse(json.dumps(value, ensure_ascii=False, indent=indent), file)
    assert document.value == value
    assert _paths(value) == set(document.marks)


def _paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path}.union(*(_paths(item, (*path, key)) for key, item in items))


@settings(max_examples=50, deadline=None)
@given(texts)
def test_json_text_is_never_read_by_the_rules_of_yaml(text):
    assert parse(json.dumps({"name": text}), "a.json").value == {"name": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1e5", 100000.0),
        ("-2E+3", -2000.0),
        ("1.5", 1.5),
        ("12", 12),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01 10:00:00", "2026-01-01 10:00:00"),
        ("e5", "e5"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        (".nan ", pytest.approx(float("nan"), nan_ok=True)),
        ("~", None),
        (".inf", float("inf")),
    ],
)
def test_yaml_numbers_are_those_of_yaml_1_2_and_dates_stay_text(text, value):
    assert parse(f"a: {text}", "a.yaml").value == {"a": value}


def test_all_mistakes_around_which_a_file_can_be_read_are_named_at_once():
    with pytest.raises(UserError) as caught:
        parse("a: 1\r\na: 2\r\nb: !x 3\r\nc: !!int x", "a.yaml")
    assert [(p.line, p.column, p.path) for p in caught.value.problems] == [(2, 1, "a"), (3, 4, "b"), (4, 4, "c")]


def test_keys_are_text_whatever_word_they_are():
    assert parse("{null: 1, true: 2, 3: 4}", "a.yaml").value == {"null": 1, "true": 2, "3": 4}


def test_anchors_and_merges_are_resolved_and_own_keys_win():
    document = parse("a: &a {x: 1, y: 2}\nb: {y: 3, <<: *a}\nc: *a\nd:\n  <<: [{x: 4}, *a]", "a.yaml")
    assert document.value["b"] == {"x": 1, "y": 3}
    assert document.value["c"] == {"x": 1, "y": 2}
    assert document.value["d"] == {"x": 4, "y": 2}


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        ("a: 1\nb: [1, 2\n", 3, 1, "this is not YAML"),
        ("a: 1\na: 2", 2, 1, "the key 'a' stands twice"),
        ("x: {a: 1, a: 2}", 1, 11, "the key 'a' stands twice"),
        ("a:\n  - !!python/object/apply:os.system [ls]", 2, 5, "is not allowed"),
        ("a: !!int ''", 1, 4, "cannot be read as a value"),
        ("a: !!bool perhaps", 1, 4, "cannot be read as a value"),
        ("? [a]\n: b", 1, 3, "a key must be text"),
        ("<<: 5", 1, 5, "merges mappings only"),
        ("a: 1\nb: \0", 2, 4, "the character U+0000 is not allowed"),
        ('a: "\\U00110000"', 1, 7, "this is not YAML"),
        ('a: 1\nb: "\\ud800"', 2, 1, "half of a character"),
        ("a: 1\n---\nb: 2", 3, 1, "a second document begins here"),
        ("", 1, None, "the file is empty"),
        ("# nothing\n", 1, None, "the file is empty"),
        (
            b"\xef\xbb\xbfc\x80ass: SVC",
            1,
            2,
            "byte 0x80 is not UTF-8 text: this looks like Windows-1252, where it is '€'",
        ),
        (b"a: 1\nb: \xff", 2, 4, "byte 0xff is not UTF-8 text: this looks like Latin-1, where it is 'ÿ'"),
        ("a: 1".encode("utf-16"), 1, None, "the text is UTF-16"),
        ("a: 1".encode("utf-16-le"), 1, None, "the text is UTF-16"),
        ("a: 1".encode("utf-32"), 1, None, "the text is UTF-32"),
    ],
)
def test_a_mistake_in_yaml_names_its_line_and_column(content, line, column, message):
    problem = mistake(content)
    assert message in problem.message
    assert (problem.file, problem.line, problem.column) == ("a.yaml", line, column)
    assert problem.remedy


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        ('{"a": 1\n "b": 2}', 2, 2, "this is not JSON"),
        ("a: 1", 1, 1, "this is not JSON"),
        ('{"a": 1,\n\t"a": 2}', 2, 2, "the key 'a' stands twice"),
        ('{"a": "\\ud800"}', 1, 2, "half of a character"),
        ('{"a": ' + "1" * 5000 + "}", None, None, "too many digits"),
    ],
)
def test_a_mistake_in_json_names_its_line_and_column(content, line, column, message):
    problem = mistake(content, "a.json")
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)
    assert problem.remedy


def test_a_key_that_stands_twice_is_seen_in_json_that_yaml_cannot_read():
    assert "stands twice" in mistake('{"a": "\x7f", "a": 2}', "a.json").message


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert parse(b"\xef\xbb\xbfa: 1", "a.yaml").value == {"a": 1}
    assert parse(b'\xef\xbb\xbf{"a": 1}', "a.json").value == {"a": 1}


@pytest.mark.parametrize(
    ("content", "file"),
    [
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "a.yaml"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "a.json"),
        ("[" * 50_000, "a.yaml"),
        ("[" * 50_000, "a.json"),
        ('["\x7f", ' + "[" * 500 + "]" * 500 + "]", "a.json"),
        ("&a [*a]", "a.yaml"),
        ("&a {<<: *a}", "a.yaml"),
    ],
)
def test_what_is_nested_without_end_is_refused(content, file):
    assert "nested deeper" in mistake(content, file).message


def test_aliases_of_aliases_do_not_grow_without_bound():
    lists = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10))
    maps = "\n".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10))
    for content in (f"a0: &a0 [x]\n{lists}", f"a0: &a0 {{x: 1}}\n{maps}"):
        assert f"more than {MAX_VALUES:,} values" in mistake(content).message


@pytest.mark.timeout(20)  # a second; to compare each key with every other one takes longer
def test_keys_that_stand_twice_are_found_among_very_many():
    content = json.dumps({f"k{number}": 0 for number in range(50_000)})
    assert "this is not JSON" in mistake(f"[{content}", "a.json").message


def test_a_file_that_is_too_large_is_refused():
    assert "larger than 1024 KiB" in mistake(b"#" * (MAX_BYTES + 1)).message


def test_a_file_that_is_not_there_or_is_a_folder_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        read(tmp_path / "nothing.yaml")
    with pytest.raises(UserError, match="this is a folder"):
        read(tmp_path)


def test_a_file_is_read_under_the_name_that_messages_use(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"^shown\.yaml:1:5: this is not YAML"):
        read(tmp_path / "a.yaml", "shown.yaml")


def test_a_problem_stands_at_the_nearest_place_that_the_file_has():
    document = parse("models:\n  - class: x\n    params: {a: 1}", "a.yaml")
    assert document.problem(("models", 0, "params", "a"), "m").line == 3
    problem = document.problem(("models", 0, "name"), "m", "r")
    assert (problem.line, problem.path) == (2, "models[0].name")
    assert Document({}, "a.yaml").problem(("a",), "m").line is None
