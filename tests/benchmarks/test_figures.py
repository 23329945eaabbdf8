"""Statistics of the benchmarks: median, spread, ratio by pairs, and whether an aim is met."""

from __future__ import annotations

import pytest

from benchmarks.figures import Aim, Figure, alternate, summary


def test_summary_gives_all_values_with_median_and_spread() -> None:
    assert summary((3.0, 1.0, 2.0)) == {"values": [3.0, 1.0, 2.0], "median": 2.0, "min": 1.0, "max": 3.0}


def test_percentiles_are_given_where_they_are_asked_for() -> None:
    found = summary(tuple(float(value) for value in range(101)), percentiles=True)
    assert (found["p50"], found["p95"]) == (50.0, 95.0)


def test_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() -> None:
    # The machine grew slower with each repetition, for both: each pair says "half".
    figure = Figure("x", "s", (1.0, 2.0, 40.0), "other", (2.0, 4.0, 80.0))
    assert figure.ratio == 0.5
    # Medians alone would say 2 / 2.
    assert Figure("x", "s", (1.0, 2.0, 3.0), "other", (2.0, 1.0, 30.0)).ratio == 0.5


def test_no_baseline_no_ratio() -> None:
    assert Figure("x", "s", (1.0,)).ratio is None


def test_a_pair_without_its_half_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = Figure("x", "s", (1.0, 2.0), "other", (1.0,)).ratio


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (None, None),
        (Aim("median", 2.0), True),  # reached exactly
        (Aim("median", 1.9), False),
        (Aim("ratio", 0.5), True),
        (Aim("ratio", 0.4), False),
    ],
)
def test_aim_limits_the_median_or_the_ratio(aim: Aim | None, met: bool | None) -> None:
    assert Figure("x", "s", (1.0, 2.0, 3.0), "other", (2.0, 4.0, 6.0), aim).met is met


def test_an_aim_for_a_ratio_is_missed_without_a_baseline() -> None:
    assert Figure("x", "s", (1.0,), aim=Aim("ratio", 1.0)).met is False


def test_measures_alternate_and_each_keeps_its_values() -> None:
    order: list[str] = []
    said: list[str] = []

    def measure(name: str, number: int) -> float:
        order.append(f"{name}{number}")
        return float(number)

    ours, theirs = alternate(
        3, said.append, lambda number: measure("a", number), lambda number: measure("b", 10 * number)
    )
    assert order == ["a0", "b0", "a1", "b10", "a2", "b20"]
    assert (ours, theirs) == ((0.0, 1.0, 2.0), (0.0, 10.0, 20.0))
    assert said[-1] == "3 of 3: 2.000 beside 20.000"
