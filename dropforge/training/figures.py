"""Draw what an evaluation shows."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

_MOST_NUMBERS = 30  # classes; beyond, a cell is smaller than a number
_drawing = threading.Lock()  # a sheet is drawn on by one at a time


def draw_confusion(target: pd.Series, predicted: np.ndarray, classes: Sequence[Any], file: Path) -> None:
    """Write the confusion matrix of the test rows as a PNG: a row for each true class, a column for each predicted."""
    counts = confusion_matrix(target, predicted, labels=classes)
    title = f"Test rows: {np.trace(counts) / counts.sum():.1%} of {counts.sum()} right"
    with _drawing:
        pixels = _sheet(tuple(map(str, classes))).draw(counts, title)
        imsave(file, pixels, format="png", pil_kwargs={"compress_level": 1})


class _Sheet:
    """Axes that are laid out and drawn once for all candidates with the same classes.

    Only what differs is drawn on them again (blitting): a whole figure takes three times as long. A cell's shade is
    its share of the largest one.
    """

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.numbered = len(classes) <= _MOST_NUMBERS
        longest = max(len(label) for label in classes)
        size = min(4.0 + 0.35 * len(classes) + 0.08 * longest, 14.0)
        figure = Figure(figsize=(size, size), dpi=90, layout="constrained")
        self.canvas = FigureCanvasAgg(figure)
        self.axes = figure.add_subplot()
        display = ConfusionMatrixDisplay(np.zeros((len(classes), len(classes))), display_labels=classes).plot(
            ax=self.axes,
            cmap="Blues",
            xticks_rotation="vertical" if longest > 2 else "horizontal",  # noqa: PLR2004 - a digit or two
            include_values=False,
            colorbar=False,
            im_kw={"vmin": 0, "vmax": 1},
        )
        self.cells = display.im_
        if not self.numbered:
            figure.colorbar(self.cells, ax=self.axes, shrink=0.7, label="share of the largest cell")
        self.cells.set_animated(True)
        self.number = self.axes.text(0, 0, "", ha="center", va="center", animated=True)
        self.title = self.axes.set_title(" ", animated=True)  # room for a line
        self.canvas.draw()
        self.empty = self.canvas.copy_from_bbox(figure.bbox)

    def draw(self, counts: np.ndarray, title: str) -> np.ndarray:
        """Return the pixels of a matrix, shape (height, width, 4)."""
        self.canvas.restore_region(self.empty)
        self.cells.set_data(counts / counts.max())
        self.title.set_text(title)
        for artist in (self.cells, *self.axes.spines.values(), self.title):
            self.axes.draw_artist(artist)
        # Only what happened is numbered: zeros would hide it.
        for row, column in np.argwhere(counts) if self.numbered else ():
            shade = "white" if counts[row, column] > counts.max() / 2 else "black"
            self.number.set(x=column, y=row, text=str(counts[row, column]), color=shade)
            self.axes.draw_artist(self.number)
        return np.asarray(self.canvas.buffer_rgba())


@functools.lru_cache(maxsize=4)
def _sheet(classes: tuple[str, ...]) -> _Sheet:
    return _Sheet(classes)
