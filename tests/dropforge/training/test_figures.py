"""The plots take any names that people give to classes, columns and configs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib import image

from dropforge.registry.compare import Standing
from dropforge.training.explain import Curve
from dropforge.training.figures import draw_confusion, draw_curves, draw_importances, draw_leaderboard

MATH = ["$", "$$", "$$$", r"a_$\_$", "{$^$}"]
LINE = np.array([0.0, 1.0])


def draw_all(names: Sequence[str], folder: Path) -> None:
    """Write each plot with the names, and read it."""
    target = pd.Series(list(names) * 2, dtype=object)
    draw_confusion(target, target.to_numpy()[::-1], list(names), folder / "confusion.png")
    draw_curves([Curve(name, (LINE, LINE), (LINE, LINE), (LINE, LINE)) for name in names[:10]], folder / "curves.png")
    draw_importances({name: 1 / (1 + number) for number, name in enumerate(names)}, "own", folder / "bars.png")
    standings = [Standing(name, "a.Tree", name, 0.5, None, "passed", "None", False) for name in names]
    draw_leaderboard(standings, set(names[:1]), "The best", folder / "best.png")
    for file in folder.glob("*.png"):
        assert image.imread(file).shape[0] > 50, file


@pytest.mark.parametrize("names", [MATH, [str(n) for n in range(40)], ["yes", "x" * 300]], ids=["$", "many", "long"])
def test_any_names_are_drawn(names: list[str], tmp_path: Path) -> None:
    draw_all(names, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # a sign that the font lacks
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=35, unique=True))
def test_any_text_is_a_name(tmp_path: Path, names: list[str]) -> None:
    draw_all(names, tmp_path)
