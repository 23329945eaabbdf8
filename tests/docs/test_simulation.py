"""What the docs say of 300 drops with noise: with evidence no champion falls beyond the noise; without, some do."""

from __future__ import annotations

import pytest

from docs.simulation import DROPS, SETTINGS, SURE, World, make_world, play


@pytest.fixture(scope="module", params=[1, 4])
def world(request: pytest.FixtureRequest) -> World:
    return make_world(request.param)


@pytest.mark.slow
def test_with_confidence_no_champion_is_worse_in_truth_by_more_than_the_noise_allows(world: World) -> None:
    qualities, moves = play(world, SURE)
    assert len(qualities) == DROPS
    assert moves, "it is no wall: what is clearly better wins"
    for move in moves:
        assert move.gain >= -move.noise, move
    assert qualities[-1] > qualities[0]


@pytest.mark.slow
def test_without_it_luck_makes_champions_that_are_visibly_worse(world: World) -> None:
    naive, sure = (play(world, settings)[1] for settings in (SETTINGS, SURE))
    lost = [sum(-move.gain for move in moves if move.gain < 0) for moves in (naive, sure)]
    assert lost[0] > 0.02
    assert lost[0] > 3 * lost[1]
