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
from dropforge.training.charts import draw_confusion, draw_importances
from dropforge.training.explain import Curve
from dropforge.training.figures import draw_curves, draw_leaderboard

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
        pixels = image.imread(file)
        assert pixels.shape[0] > 50, file
        if file.stem in ("confusion", "bars"):
            edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
            assert (edge == 1).all(), f"something is cut off in {file}"


@pytest.mark.parametrize("names", [MATH, [str(n) for n in range(40)], ["yes", "x" * 300]], ids=["$", "many", "long"])
def test_any_names_are_drawn(names: list[str], tmp_path: Path) -> None:
    draw_all(names, tmp_path)


def test_a_row_of_the_matrix_is_a_true_class_and_what_happened_most_is_darkest(tmp_path: Path) -> None:
    truth = pd.Series(["a"] * 90 + ["b"] * 10)
    draw_confusion(truth, np.array(["a"] * 80 + ["b"] * 20), ["a", "b"], tmp_path / "matrix.png")
    light = image.imread(tmp_path / "matrix.png")[:, :, :3].sum(axis=2)
    frame = light == 0  # its lines are the only ones that are black from one end to the other
    up, left = (np.nonzero(frame.sum(axis=axis) > 400)[0] for axis in (1, 0))
    cells = light[up[0] + 1 : up[-1], left[0] + 1 : left[-1]]
    (upper, lower) = (np.hsplit(half, 2) for half in np.vsplit(cells, 2))
    right, mistaken, never, found = (np.median(cell) for cell in (*upper, *lower))  # 80, 10, 0 and 10 times
    assert right < mistaken == found < never


def test_an_importance_below_zero_has_its_bar_on_the_other_side(tmp_path: Path) -> None:
    draw_importances({"a": 0.5, "b": -0.25}, "shuffled", tmp_path / "bars.png")
    pixels = image.imread(tmp_path / "bars.png")[:, :, :3]
    bars = (abs(pixels - np.array([0x4C, 0x78, 0xA8]) / 255) < 0.01).all(axis=2)
    upper, lower = (np.nonzero(bars[rows].any(axis=0))[0] for rows in (slice(0, 55), slice(60, None)))
    assert lower.max() - 1 <= upper.min()
    assert (upper.max() - upper.min()) / (lower.max() - lower.min()) == pytest.approx(2, rel=0.05)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # a sign that the font lacks
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=35, unique=True))
def test_any_text_is_a_name(tmp_path: Path, names: list[str]) -> None:
    draw_all(names, tmp_path)
