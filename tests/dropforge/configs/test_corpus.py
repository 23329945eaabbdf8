"""What people write, with its outcome: the corpus, and whatever becomes of it when it is damaged.

The outcomes are written by hand, and say what is right: where the code does otherwise, it is wrong.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from dropforge.configs import Candidate, convert, digest, plain_form, read_candidates
from dropforge.configs import words as table
from dropforge.documents import Problem, UserError, parse_all, to_yaml
from dropforge.estimators import Allowed, build
from dropforge.settings import Split
from tests.dropforge.estimators.auditing import agrees
from tests.dropforge.fuzz import holds, shortly_and_for_long

SPLIT = Split(test=0.2, holdout=0.2, seed=42)
Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    text = (Path(__file__).parent / "corpus" / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader)


GOOD, BAD = cases("good.yaml"), cases("bad.yaml")


def content(case: Case) -> bytes:
    return case["bytes"].encode("latin-1") if "bytes" in case else case["config"].encode(case.get("encoding", "utf-8"))


def file(case: Case) -> str:
    return case.get("file", "a.yaml")


def read(case: Case) -> tuple[Candidate, ...]:
    allowed = Allowed(tuple(case.get("allowed", ["sklearn.*"])), tuple(case.get("deny", [])))
    return read_candidates(content(case), file(case), allowed, case.get("max_grid", 100))


def plain(candidates: tuple[Candidate, ...]) -> str:
    """Return candidates as text, in which NaN is NaN and 1 is not 1.0."""
    models = [{**candidate.to_plain(), "file": ""} for candidate in candidates]
    return json.dumps(models, sort_keys=True, indent=1)


def wanted(models: list[Case]) -> str:
    """Return the models of a case as text, written out."""
    full = [
        {"file": "", "params": {}, "name": model["class"].rpartition(".")[2], "force": False, **model}
        for model in models
    ]
    return json.dumps(full, sort_keys=True, indent=1)


def says(text: str, words: str) -> bool:
    """Whether a text says some words; " ... " stands for others between them."""
    at = 0
    for part in words.split(" ... "):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def refused(case: Case) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        read(case)
    return caught.value.problems


@pytest.mark.parametrize("case", [*GOOD, *BAD], ids=lambda case: ascii(content(case))[2:-1].replace("::", ":")[:60])
def test_a_config_has_its_outcome(case: Case) -> None:
    if "models" in case:
        assert plain(read(case)) == wanted(case["models"])
        return
    problems = refused(case)
    assert [(p.line, p.column, p.path) for p in problems] == [(m[0], m[1], m[2]) for m in case["mistakes"]]
    for problem, (line, column, _, message, remedy) in zip(problems, case["mistakes"], strict=True):
        assert says(problem.message, message), problem
        assert says(problem.remedy, remedy), problem
        assert problem.file == file(case)
        # Where the place is known and there is something to see, a caret points at it.
        assert ("^" in str(problem)) is (column is not None and bool(problem.source.strip())), problem
        assert str(problem).startswith(":".join(str(part) for part in (file(case), line, column) if part))


def test_the_plain_form_is_the_same_model_and_converts_to_itself() -> None:
    for case in GOOD:
        candidates = read(case)
        written = read({"file": "a.json", "config": wanted(case["models"]).replace('"file": "",', "")})
        assert [digest(one, "d1", SPLIT) for one in written] == [digest(one, "d1", SPLIT) for one in candidates]
        assert plain(written) == plain(candidates)
        converted = to_yaml(plain_form(convert(content(case), file(case))))
        assert plain(read({"config": converted})) == plain(candidates)
        assert to_yaml(plain_form(convert(converted.encode(), "a.yaml"))) == converted


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {table.word(key) for key in value}.union(*(keys(item) for item in value.values()))
    return set[str]().union(*(keys(item) for item in value)) if isinstance(value, list) else set()


def test_the_corpus_is_large_and_has_every_word_of_every_dialect() -> None:
    assert len(GOOD) >= 60
    assert len(BAD) >= 80
    used = [keys(document.value) for case in GOOD for document in parse_all(content(case), file(case))]
    assert set[str]().union(*used) >= table.KNOWN


whole = st.sampled_from([content(case) for case in (*GOOD, *BAD)])
anything = st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a config of which bytes were lost or changed, or lines doubled or swapped; or anything at all."""
    found = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(found)))
        lines = found.splitlines(keepends=True) or [b""]
        cut = at % len(lines)
        found = draw(
            st.sampled_from(
                [
                    found[:at],
                    found[:at] + bytes([draw(st.integers(0, 255))]) + found[at + 1 :],
                    b"".join([*lines[:cut], *lines]),
                    b"".join([*lines[cut:], *lines[:cut]]),
                    found[:at] + draw(anything) + found[at:],
                ]
            )
        )
    return found


@shortly_and_for_long
def test_whatever_is_dropped_gives_candidates_that_can_be_built_or_a_user_error(examples: int) -> None:
    def check(found: bytes, name: str) -> None:
        with contextlib.suppress(UserError):
            candidates = read_candidates(found, name, Allowed())
            assert candidates
            for candidate in candidates:
                assert agrees(build(candidate.estimator), candidate.estimator)
        with contextlib.suppress(UserError):
            convert(found, name)

    holds(examples * 3, check, damaged() | anything, st.sampled_from(["a.yaml", "a.json"]))
