"""Draw what an evaluation shows."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from dropforge.training.explain import Curve

_MOST_NUMBERS = 30  # classes; beyond, a cell is smaller than a number
_LONGEST = 40  # characters of a column's name
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


def draw_curves(curves: Sequence[Curve], file: Path) -> None:
    """Write ROC, precision-recall and calibration curves as one PNG."""
    figure = Figure(figsize=(13.0, 4.4), dpi=72)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.05, right=0.99, top=0.9, bottom=0.12, wspace=0.2)
    roc, precision, calibration = figure.subplots(1, 3)
    for curve in curves:
        roc.plot(*curve.roc, label=curve.label)
        precision.plot(*curve.precision_recall)
        calibration.plot(*curve.calibration, marker="o", markersize=3)
    for axes, title, across, up in (
        (roc, "ROC", "share of the others taken for it", "share of the class found"),
        (precision, "Precision and recall", "recall", "precision"),
        (calibration, "Calibration", "probability that the model gives", "share that is right"),
    ):
        axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    for axes in (roc, calibration):
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    roc.legend(fontsize=8, loc="lower right")
    _write(figure, file)


def draw_importances(importances: Mapping[str, float], means: str, file: Path) -> None:
    """Write the most important columns as a PNG, the first one on top."""
    names = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..." for name in importances]
    height = 0.8 + 0.26 * len(names)
    figure = Figure(figsize=(8.0, height), dpi=72)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.34, right=0.97, top=1 - 0.35 / height, bottom=0.35 / height)
    axes.barh(range(len(names)), list(importances.values()), color="#4c78a8")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(f"Importances, {means}", fontsize=9, loc="right")
    _write(figure, file)


def _write(figure: Figure, file: Path) -> None:
    with _drawing:
        figure.savefig(file, pil_kwargs={"compress_level": 1})
