"""Who should be champion, as a function of scores."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropforge.promotion import Validation, decide
from tests.dropforge.wine import WINE

FAILED = ("f1_macro is 0.1000, below the minimum 0.8",)
SETTINGS = WINE.promote


def scored(**values: float | None) -> list[Validation]:
    """Return validations: ``v3=0.9`` passed, ``v3=None`` did not."""
    return [
        Validation(name[1:], value, () if value is not None else ("it cannot be scored",))
        for name, value in values.items()
    ]


@pytest.mark.parametrize(
    ("champion", "challengers", "improvement", "winner"),
    [
        (None, [], 0.0, None),
        (None, scored(v1=0.9), 0.0, "1"),
        (None, scored(v1=0.9), 0.5, "1"),
        (None, scored(v1=0.9, v2=0.95, v3=0.8), 0.0, "2"),
        (None, scored(v1=None), 0.0, None),
        (None, scored(v2=0.9, v1=0.9), 0.0, "1"),  # the older one
        (None, scored(v10=0.9, v9=0.9), 0.0, "9"),  # as numbers, not as text
        (0.9, [], 0.0, "0"),
        (0.9, scored(v1=0.9), 0.0, "0"),  # ties go to the champion
        (0.9, scored(v1=0.89), 0.0, "0"),
        (0.9, scored(v1=0.9000001), 0.0, "1"),
        (0.9, scored(v1=0.91), 0.02, "0"),
        (0.8, scored(v1=0.9), 0.1, "1"),  # 0.1 in people's eyes, a little less in floating point
        (0.8, scored(v1=0.8999), 0.1, "0"),
        (-0.5, scored(v1=-0.4), 0.0, "1"),  # neg_log_loss
        (-0.5, scored(v1=-0.6), 0.0, "0"),
        (-0.5, scored(v1=0.0), 0.0, "1"),
        (0.9, scored(v1=None, v2=0.95), 0.0, "2"),
        (-0.5, scored(v1=None), 0.0, "0"),  # what has no value is not 0
    ],
)
def test_winner_of(
    champion: float | None, challengers: list[Validation], improvement: float, winner: str | None
) -> None:
    bar = None if champion is None else Validation("0", champion, ())
    decision = decide(bar, challengers, replace(SETTINGS, min_improvement=improvement))
    assert decision.champion == winner
    assert decision.previous == (None if champion is None else "0")
    assert decision.promotes == (decision.champion != decision.previous)


def test_failed_challenger_does_not_win_though_its_value_is_the_best() -> None:
    best = Validation("1", 0.99, FAILED)
    decision = decide(None, [best, *scored(v2=0.85)], SETTINGS)
    assert decision.champion == "2"
    assert [c.version for c in decision.candidates] == ["2", "1"]  # best first, failed ones last
    assert decision.candidates[1].reasons == FAILED


def test_champion_that_cannot_be_scored_is_replaced_by_any_that_passed() -> None:
    decision = decide(Validation("1", None, ("its artifact is gone",)), scored(v2=0.81), SETTINGS)
    assert decision.champion == "2"
    assert "replaces version 1, which could not be scored" in decision.verdict


def test_champion_that_cannot_be_scored_stays_while_nobody_passes() -> None:
    decision = decide(Validation("1", None, ("its artifact is gone",)), scored(v2=None), SETTINGS)
    assert decision.champion == "1"


def test_reasons_say_what_a_passed_challenger_lacks() -> None:
    decision = decide(Validation("1", 0.9, ()), scored(v2=0.85, v3=0.95), SETTINGS)
    reasons = {contender.version: contender.reasons for contender in decision.candidates}
    assert reasons == {"3": (), "2": ("does not beat the champion's 0.9000",)}


def test_verdict_is_a_sentence_with_both_values() -> None:
    champion = Validation("1", 0.9, ())
    stays = decide(champion, scored(v2=0.901), replace(SETTINGS, min_improvement=0.01)).verdict
    assert stays == "version 1 stays: f1_macro 0.9000 is not beaten by version 2's 0.9010 (needs 0.01 more)"
    beaten = decide(champion, scored(v2=0.95), SETTINGS).verdict
    assert beaten == "version 2 beats version 1: f1_macro 0.9500 against 0.9000"
    assert decide(None, scored(v2=0.95), SETTINGS).verdict == "version 2 is the first champion: f1_macro 0.9500"


def test_plain_form_is_the_shape_of_promote_json() -> None:
    plain = decide(None, [*scored(v2=0.95), Validation("3", 0.1, FAILED)], SETTINGS).to_plain()
    assert plain == {
        "champion": "2",
        "previous": None,
        "verdict": "version 2 is the first champion: f1_macro 0.9500",
        "candidates": [
            {"version": "2", "value": 0.95, "passed": True, "reasons": []},
            {"version": "3", "value": 0.1, "passed": False, "reasons": list(FAILED)},
        ],
    }


values = st.floats(-2, 2) | st.sampled_from([0.0, 0.5, 0.9]) | st.none()


def validated(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Validation]:
    def make(number: int, value: float | None, failed: bool) -> Validation:
        return Validation(str(number), value, FAILED if failed or value is None else ())

    return st.builds(make, numbers, values, st.booleans())


challengers = st.lists(validated(st.integers(1, 30)), unique_by=lambda v: v.version, max_size=8)
champions = st.none() | validated(st.just(99))
improvements = st.sampled_from([0.0, 0.01, 0.1]) | st.floats(0, 1)


@given(champions, challengers, improvements)
def test_only_a_better_one_that_passed_is_promoted(
    champion: Validation | None, others: list[Validation], improvement: float
) -> None:
    decision = decide(champion, others, replace(SETTINGS, min_improvement=improvement))
    if decision.promotes:
        winner = next(v for v in others if v.version == decision.champion)
        assert winner.passed
        assert winner.value is not None
        if champion and champion.value is not None:
            gain = winner.value - champion.value
            assert gain > 0
            assert gain >= improvement or math.isclose(gain, improvement)
        assert winner.value == max(v.value for v in others if v.passed and v.value is not None)
    else:
        assert decision.champion == (champion.version if champion else None)


@given(champions, challengers, improvements)
def test_one_that_is_clearly_better_is_always_promoted(
    champion: Validation | None, others: list[Validation], improvement: float
) -> None:
    bar = champion.value if champion and champion.value is not None else -math.inf
    better = [v for v in others if v.passed and v.value is not None and v.value > bar + improvement + 1e-6]
    decision = decide(champion, others, replace(SETTINGS, min_improvement=improvement))
    assert decision.promotes or not better


@given(champions, challengers, improvements, st.randoms(use_true_random=False))
def test_order_of_the_challengers_does_not_matter(
    champion: Validation | None, others: list[Validation], improvement: float, random: object
) -> None:
    settings = replace(SETTINGS, min_improvement=improvement)
    shuffled = others.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(champion, shuffled, settings) == decide(champion, others, settings)


@given(champions, challengers)
def test_every_challenger_is_accounted_for_and_keeps_its_reasons(
    champion: Validation | None, others: list[Validation]
) -> None:
    decision = decide(champion, others, SETTINGS)
    told = {contender.version: contender for contender in decision.candidates}
    assert set(told) == {v.version for v in others}
    for v in others:
        assert told[v.version].passed == v.passed
        assert set(v.reasons) <= set(told[v.version].reasons)
        assert told[v.version].reasons or decision.promotes or not v.passed


@given(champions, challengers)
def test_second_decision_with_the_winner_as_champion_changes_nothing(
    champion: Validation | None, others: list[Validation]
) -> None:
    decision = decide(champion, others, SETTINGS)
    winner = next((v for v in others if v.version == decision.champion), champion)
    rest = [v for v in others if v is not winner]
    assert not decide(winner, rest, SETTINGS).promotes or winner is None
