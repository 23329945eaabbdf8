"""What people write, with its outcome: the corpus, and whatever becomes of it when it is damaged."""

import contextlib
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dropforge.configs import convert, digest, plain_form, read_candidates
from dropforge.documents import UserError, to_yaml
from dropforge.estimators import Allowed
from dropforge.settings import Split

CORPUS = Path(__file__).parent / "corpus"
GOOD = yaml.safe_load((CORPUS / "good.yaml").read_text(encoding="utf-8"))
BAD = yaml.safe_load((CORPUS / "bad.yaml").read_text(encoding="utf-8"))
SPLIT = Split(test=0.2, holdout=0.2, seed=42)


def read(text, file="a.yaml"):
    return read_candidates(text.encode() if isinstance(text, str) else text, file, Allowed())


def digests(candidates):
    return [digest(candidate, "d1", SPLIT) for candidate in candidates]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["config"][:40])
def test_a_good_config_asks_for_the_models_that_are_meant(case):
    candidates = read(case["config"])
    found = [candidate.to_plain() for candidate in candidates]
    assert [{key: model[key] for key in ("class", "params", "name")} for model in found] == case["models"]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["config"][:40])
def test_the_plain_form_has_the_same_digest_and_converts_to_itself(case):
    candidates = read(case["config"])
    plain = json.dumps({"models": case["models"]})
    assert digests(read(plain, "a.json")) == digests(candidates)
    converted = to_yaml(plain_form(convert(case["config"].encode(), "a.yaml")))
    assert read(converted) == candidates
    assert to_yaml(plain_form(convert(converted.encode(), "a.yaml"))) == converted


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["config"][:40])
def test_a_bad_config_is_refused_with_every_mistake_in_its_place(case):
    with pytest.raises(UserError) as caught:
        read(case["config"])
    problems = caught.value.problems
    assert [(p.line, p.path) for p in problems] == [(m["line"], m["path"]) for m in case["mistakes"]]
    for problem, mistake in zip(problems, case["mistakes"], strict=True):
        assert mistake["says"] in problem.message
        assert problem.remedy
        assert "^" in str(problem)


texts = st.sampled_from([case["config"] for case in (*GOOD, *BAD)])


@st.composite
def damaged(draw):
    content = draw(texts).encode()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        lines = content.splitlines(keepends=True)
        content = draw(
            st.sampled_from(
                [
                    content[:at],
                    content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :],
                    b"".join([*lines[: at % (len(lines) + 1)], *lines]),
                ]
            )
        )
    return content


@settings(max_examples=200, deadline=None)
@given(damaged(), st.sampled_from(["a.yaml", "a.json"]))
def test_a_damaged_config_gives_candidates_or_a_user_error(content, file):
    with contextlib.suppress(UserError):
        assert read(content, file)
    with contextlib.suppress(UserError):
        convert(content, file)
