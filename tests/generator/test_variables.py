"""Values of the environment in a spec."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge.documents import UserError, parse
from generator.spec import read_spec
from generator.variables import Variable, resolve
from tests.dropforge.documents.values import values
from tests.generator.specs import mistakes, spec_of, wine


@pytest.fixture
def environment(monkeypatch):
    for name in ("GONE", "DROPFORGE_TEST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"FOLDER": "data", "EMPTY": "", "SEED": "7", "FLAG": "true", "DATE": "2026-01-01"}.items():
        monkeypatch.setenv(name, value)


def described(tmp_path, text):
    return spec_of(tmp_path, wine(description=text)).pipelines[0].description


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("${FOLDER}", "data"),
        ("a ${FOLDER}/b ${SEED}", "a data/b 7"),
        ("${GONE:-other}", "other"),
        ("${GONE:-}", ""),
        ("${EMPTY:-other}", "other"),  # as in a shell
        ("${EMPTY}", ""),
        ("${FOLDER:-other}", "data"),
        ("${GONE:-a $FOLDER :- b}", "a $FOLDER :- b"),
        ("$${FOLDER}", "${FOLDER}"),
        ("$FOLDER $ $$ 5$ {FOLDER}", "$FOLDER $ $$ 5$ {FOLDER}"),
        ("${SEED}", "7"),  # a key that wants text has text
        ("${FLAG}", "true"),
    ],
)
def test_a_variable_is_resolved_in_any_text(tmp_path, environment, text, resolved):
    assert described(tmp_path, text) == resolved


def test_a_key_that_wants_another_type_gets_it(tmp_path, environment):
    (pipeline,) = spec_of(
        tmp_path,
        wine(
            data={
                "source": "${FOLDER}/a.csv",
                "target": "${SEED}",
                "split": {"seed": "${SEED}", "test": "${GONE:-.5}"},
            },
            promote={"minimum": "${GONE:-1e-3}", "on_new_version": "${FLAG}"},
            train={"estimators": ["sklearn.${GONE:-tree}.*"]},
        ),
    ).pipelines
    assert (pipeline.data.source, pipeline.data.target) == ("data/a.csv", "7")
    assert (pipeline.data.split.seed, pipeline.data.split.test) == (7, 0.5)
    assert (pipeline.promote.minimum, pipeline.promote.on_new_version) == (0.001, True)
    assert pipeline.train.estimators == ("sklearn.tree.*",)


def test_in_the_defaults_too(tmp_path, environment):
    spec = spec_of(tmp_path, wine() | {"defaults": {"data": {"split": {"seed": "${SEED}"}}}})
    assert spec.pipelines[0].data.split.seed == 7
    assert spec.variables == (Variable("SEED", "defaults.data.split.seed"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${GONE}", "the environment variable GONE is not set"),
        ("${}", "'${' begins a variable, and there is none"),
        ("${a b}", "'${' begins a variable, and there is none"),
        ("${GONE", "'${' begins a variable, and there is none"),
        ("${GONE:?x}", "'${' begins a variable, and there is none"),
    ],
)
def test_a_variable_that_gives_nothing_is_a_mistake_on_its_line(tmp_path, environment, text, message):
    spec = f"version: 1\npipelines:\n  wine:\n    data: {{source: a.csv, target: x}}\n    description: '{text}'\n"
    assert mistakes(tmp_path, spec) == [(5, "pipelines.wine.description", message)]


def test_a_value_of_the_wrong_type_is_a_mistake_as_if_it_were_written(tmp_path, environment):
    ((_, path, message),) = mistakes(tmp_path, wine(promote={"minimum": "${FOLDER}"}))
    assert (path, message) == ("pipelines.wine.promote.minimum", "'data' is not a number")
    ((_, _, message),) = mistakes(tmp_path, wine(promote={"minimum": "${DATE}"}))
    assert message == "'2026-01-01' is not a number"


@pytest.mark.parametrize("name", ["DB_PASSWORD", "TOKEN", "api_key", "AWS_SECRET_ACCESS_KEY", "MY_CREDENTIALS"])
def test_a_secret_does_not_get_into_generated_files(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "hunter2")
    ((_, _, message),) = mistakes(tmp_path, wine(description=f"${{{name}}}"))
    assert "looks like a secret" in message
    assert "hunter2" not in message


def test_an_address_with_a_password_does_not_either(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE", "https://me:hunter2@example.org/a.csv")
    ((_, _, message),) = mistakes(tmp_path, wine(description="${SOURCE}"))
    assert "looks like a secret" in message
    monkeypatch.setenv("MONKEY", "banana")  # a name that only sounds like one
    assert described(tmp_path, "${MONKEY}") == "banana"


def test_no_key_is_resolved(tmp_path, environment):
    with pytest.raises(UserError, match="cannot name a pipeline"):
        read_spec_of(tmp_path, "version: 1\npipelines: {'${FOLDER}': {}}\n")
    with pytest.raises(UserError, match="is not a whole number"):
        read_spec_of(tmp_path, "version: ${SEED}\npipelines: {a: {}}\n")


def read_spec_of(tmp_path, text):
    (tmp_path / "pipelines.yaml").write_text(text)
    return read_spec(tmp_path)


pieces = st.lists(st.sampled_from(["$", "{", "}", "${", "$${", ":-", "A", "B_1", " ", "${A}", "${B:-"]), max_size=8)


@settings(max_examples=200, deadline=None)
@given(pieces.map("".join), values)
def test_any_text_and_any_value_resolve_or_are_explained(text, value):
    document = parse('{"pipelines": 0}', "a.json")
    content = {"pipelines": {"a": {"description": text, "x": value}}, "defaults": value}
    resolved = resolve(type(document)(content, "a.json"), {"A": "a", "B_1": "$${A}"})
    assert all(problem.message and problem.remedy for problem in resolved.problems)
    again = resolved.document.value["pipelines"]["a"]["description"]
    if "${" not in text:
        assert again == text
