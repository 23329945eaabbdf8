"""Draw what an evaluation shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

_MOST_NUMBERS = 30  # classes; beyond, a cell is smaller than a number


def draw_confusion(target: pd.Series, predicted: np.ndarray, classes: Sequence[Any]) -> Figure:
    """Return the confusion matrix of the test rows: a row for each true class, a column for each predicted one."""
    counts = confusion_matrix(target, predicted, labels=classes)
    numbered = len(classes) <= _MOST_NUMBERS
    size = min(4.0 + 0.35 * len(classes), 14.0)
    longest = max(len(str(label)) for label in classes)
    # Room for the labels is reckoned, not laid out: a layout engine draws the whole figure once more.
    edge = min((0.7 + 0.08 * longest) / size, 0.4)
    figure = Figure(figsize=(size, size), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((edge, edge, 0.97 - edge, 0.92 - edge))
    ConfusionMatrixDisplay(counts, display_labels=classes).plot(
        ax=axes,
        cmap="Blues",
        xticks_rotation="vertical" if longest > 2 else "horizontal",  # noqa: PLR2004 - a digit or two
        include_values=False,
        colorbar=not numbered,
    )
    # Only what happened is numbered: zeros would hide it, and each text costs half a millisecond.
    for row, column in np.argwhere(counts) if numbered else ():
        shade = "white" if counts[row, column] > counts.max() / 2 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade)
    axes.set_title(f"Test rows: {np.trace(counts) / counts.sum():.1%} of {counts.sum()} right")
    return figure
