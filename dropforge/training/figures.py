"""Draw what an evaluation shows."""

from __future__ import annotations

import contextlib
import functools
import math
import textwrap
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from sklearn.metrics import confusion_matrix

from dropforge.registry.compare import Standing
from dropforge.training.explain import Curve, head_of

_MOST_NUMBERS = 30  # classes; beyond, a cell is smaller than a number
_LEAST_POINTS = 6  # of a letter that can be read
_UPRIGHT = 2  # characters that have room below a cell
_LONGEST = 40  # characters of the name of a class or a column
_TITLE = 90  # characters of a line above the importances
_MOST_BARS = 15
_LONGEST_LABEL = 54  # characters that name a version
_lock = threading.Lock()


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """Let one at a time draw. No `$` is math; and no letter is fitted to pixels: a fifth of the time, and not seen."""
    with _lock, rc_context({"text.hinting": "no_hinting", "text.parse_math": False}):
        yield


@_drawing()
def draw_confusion(target: pd.Series, predicted: np.ndarray, classes: Sequence[Any], file: Path) -> None:
    """Write the confusion matrix of the test rows as a PNG: a row for each true class, a column for each predicted."""
    counts = confusion_matrix(target, predicted, labels=classes)
    title = f"Test rows: {np.trace(counts) / counts.sum():.1%} of {counts.sum()} right"
    sheet = _matrix_sheet()
    sheet.write(file, *sheet.draw(counts, [_short(str(name), _LONGEST) for name in classes], title))


class _Sheet:
    """Axes that are laid out and drawn once for all candidates that fit on them.

    Only what differs is drawn on them again (blitting): a whole figure takes three times as long.
    """

    canvas: FigureCanvasAgg

    def keep(self) -> None:
        """Draw what is there, and keep it for each time."""
        self.canvas.draw()
        self._empty = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

    def clear(self) -> None:
        """Go back to what was kept."""
        self.canvas.restore_region(self._empty)

    def write(self, file: Path, across: float = 1.0, down: float = 1.0) -> None:
        """Write what is drawn as a PNG: all of it, or shares of its width and height from the top right."""
        pixels = np.asarray(self.canvas.buffer_rgba())
        height, width = math.ceil(pixels.shape[0] * down), math.ceil(pixels.shape[1] * across)
        imsave(file, pixels[:height, -width:], format="png", pil_kwargs={"compress_level": 1})


class _MatrixSheet(_Sheet):
    """A frame for the cells of any classes, and room for their names. A cell's shade is its share of the largest one.

    What is not measured in cells is in inches.
    """

    frame = 5.4  # across and up
    most = 0.5 + 0.09 * _LONGEST  # for names, at the left and below

    def __init__(self) -> None:
        self.width, self.height = self.most + self.frame + 0.15, 0.35 + self.frame + self.most
        figure = Figure(figsize=(self.width, self.height), dpi=90)
        self.canvas = FigureCanvasAgg(figure)
        left, bottom = self.most / self.width, self.most / self.height
        self.axes = figure.add_axes((left, bottom, self.frame / self.width, self.frame / self.height))
        self.axes.set(xticks=[], yticks=[])
        self.cells = self.axes.imshow(np.zeros((1, 1, 3)), aspect="auto", animated=True)
        self.title = self.axes.set_title(" ", animated=True)
        self.beside = self.axes.text(0, 0, "", ha="right", va="center", animated=True)
        self.below = self.axes.text(0, 0, "", ha="center", va="top", animated=True)
        self.number = self.axes.text(0, 0, "", ha="center", va="center", animated=True)
        self.keep()

    def draw(self, counts: np.ndarray, classes: Sequence[str], title: str) -> tuple[float, float]:
        """Draw a matrix, and return the share of the width and of the height that it takes, from the top right."""
        self.clear()
        many, most, longest = len(classes), counts.max(), max(map(len, classes))
        # With their colours: matplotlib would look these up for each pixel.
        self.cells.set_data(colormaps["Blues"](counts / most, bytes=True)[..., :3])
        self.cells.set_extent((-0.5, many - 0.5, many - 0.5, -0.5))
        self.title.set_text(title if many <= _MOST_NUMBERS else f"{title}; the darkest cell: {most}")
        for artist in (self.cells, *self.axes.spines.values(), self.title):
            self.axes.draw_artist(artist)
        cell = self.frame / many
        points = min(10.0, max(_LEAST_POINTS, 0.7 * 72 * cell))
        # Only what happened is numbered: zeros would hide it.
        for row, column in np.argwhere(counts) if many <= _MOST_NUMBERS else ():
            shade = "white" if counts[row, column] > most / 2 else "black"
            self._write(self.number, column, row, str(counts[row, column]), fontsize=points, color=shade)
        name = 0.009 * longest * points
        under = 0.15 if longest <= _UPRIGHT else name
        turned = "horizontal" if longest <= _UPRIGHT else "vertical"
        left, bottom = -0.5, many - 0.5  # of the frame, in cells
        for place in range(0, many, math.ceil(points / (72 * cell))):
            self._write(self.beside, left - 0.07 / cell, place, classes[place], fontsize=points, rotation="horizontal")
            self._write(self.below, place, bottom + 0.07 / cell, classes[place], fontsize=points, rotation=turned)
        middle = (many - 1) / 2
        self._write(self.beside, left - (0.17 + name) / cell, middle, "true class", fontsize=10, rotation="vertical")
        self._write(
            self.below, middle, bottom + (0.17 + under) / cell, "predicted class", fontsize=10, rotation="horizontal"
        )
        return 1 - (self.most - 0.45 - name) / self.width, 1 - (self.most - 0.45 - under) / self.height

    def _write(self, text: Text, x: float, y: float, what: str, **look: Any) -> None:
        text.set(x=x, y=y, text=what, **look)
        self.axes.draw_artist(text)


@functools.lru_cache(maxsize=1)
def _matrix_sheet() -> _MatrixSheet:
    return _MatrixSheet()


@_drawing()
def draw_curves(curves: Sequence[Curve], file: Path) -> None:
    """Write ROC, precision-recall and calibration curves as one PNG."""
    sheet = _curve_sheet()
    sheet.draw(curves)
    sheet.write(file)


class _CurveSheet(_Sheet):
    """Three axes, for curves of any classes."""

    def __init__(self) -> None:
        figure = Figure(figsize=(13.0, 4.4), dpi=72)
        self.canvas = FigureCanvasAgg(figure)
        figure.subplots_adjust(left=0.05, right=0.99, top=0.9, bottom=0.12, wspace=0.2)
        self.roc, precision, calibration = figure.subplots(1, 3)
        for axes, title, across, up in (
            (self.roc, "ROC (dotted: guessing)", "share of the others taken for it", "share of the class found"),
            (precision, "Precision and recall", "recall", "precision"),
            (calibration, "Calibration (dotted: perfect)", "probability that the model gives", "share of the class"),
        ):
            axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        for axes in (self.roc, calibration):
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
        self.lines = (
            *(axes.plot([], [], animated=True)[0] for axes in (self.roc, precision)),
            *calibration.plot([], [], animated=True, marker="o", markersize=3),
        )
        self._labels: tuple[str, ...] = ()
        self.keep()

    def draw(self, curves: Sequence[Curve]) -> None:
        """Draw the curves, and which is whose."""
        self._name(tuple(curve.label for curve in curves))
        for number, curve in enumerate(curves):
            for line, points in zip(self.lines, (curve.roc, curve.precision_recall, curve.calibration), strict=True):
                line.set(data=points, color=f"C{number}")
                self.canvas.figure.draw_artist(line)

    def _name(self, labels: tuple[str, ...]) -> None:
        """Draw the axes with a legend, which is kept for the next candidate."""
        if labels != self._labels:
            self.clear()
            own = [Line2D([], [], color=f"C{number}", label=label) for number, label in enumerate(labels)]
            legend = self.roc.legend(handles=own, fontsize=8, loc="lower right")
            self.roc.draw_artist(legend)
            legend.remove()
            self._labels, self._named = labels, self.canvas.copy_from_bbox(self.canvas.figure.bbox)
        self.canvas.restore_region(self._named)


@functools.lru_cache(maxsize=1)
def _curve_sheet() -> _CurveSheet:
    return _CurveSheet()


@_drawing()
def draw_importances(importances: Mapping[str, float], means: str, file: Path) -> None:
    """Write the most important columns as a PNG, the first one on top."""
    title = textwrap.wrap(f"Importances, {means}", _TITLE)
    shown = head_of(importances, _MOST_BARS)
    sheet = _bar_sheet(len(title))
    sheet.draw(shown, "\n".join(title))
    sheet.write(file, down=sheet.share(len(shown)))


class _BarSheet(_Sheet):
    """Axes without ticks, for the most bars that are shown, and so many lines of title."""

    def __init__(self, lines: int) -> None:
        self.top = 0.19 + 0.16 * lines
        figure = Figure(figsize=(8.0, self._height(_MOST_BARS)), dpi=72)
        self.canvas = FigureCanvasAgg(figure)
        self.axes = figure.add_subplot(xticks=[], yticks=[], xlim=(0, 1), ylim=(_MOST_BARS - 0.4, -0.6), frame_on=False)
        height = self._height(_MOST_BARS)
        figure.subplots_adjust(left=0.34, right=0.97, top=1 - self.top / height, bottom=0.1 / height)
        self.bar = self.axes.add_patch(Rectangle((0, 0), 0, 0.8, color="#4c78a8", animated=True))
        text: dict[str, Any] = {"fontsize": 8, "va": "center", "animated": True}
        self.name = self.axes.text(-0.015, 0, "", ha="right", **text)
        self.value = self.axes.text(0, 0, "", ha="left", **text)
        self.title = self.axes.set_title(" ", fontsize=9, loc="right", animated=True)
        self.keep()

    def _height(self, bars: int) -> float:
        """Return how many inches so many bars take, with the title."""
        return 0.15 + self.top + 0.26 * bars

    def share(self, bars: int) -> float:
        """Return how much of the sheet so many bars take."""
        return self._height(bars) / self._height(_MOST_BARS)

    def draw(self, importances: Mapping[str, float], title: str) -> None:
        """Draw the bars; the value of each stands at its end."""
        self.clear()
        least, most = min(0.0, *importances.values()), max(0.0, *importances.values())
        share = 0.85 / (most - least) if most > least else 0.0
        zero = 0.0 - least * share
        self.title.set_text(title)
        self.axes.draw_artist(self.title)
        for place, (name, value) in enumerate(importances.items()):
            self.bar.set(x=zero, y=place - 0.4, width=value * share)
            self.name.set(y=place, text=_short(name, _LONGEST))
            self.value.set(x=zero + max(0.0, value) * share + 0.01, y=place, text=f"{value:.3g}")
            for artist in (self.bar, self.name, self.value):
                self.axes.draw_artist(artist)


@functools.lru_cache(maxsize=4)
def _bar_sheet(lines: int) -> _BarSheet:
    return _BarSheet(lines)


@_drawing()
def lay_out() -> None:
    """Lay out what is the same for every pipeline, before there are candidates: the first one has no time for it."""
    _curve_sheet()
    _bar_sheet(1)
    _matrix_sheet()


@_drawing()
def draw_leaderboard(entries: Sequence[Standing], trained: Collection[str], title: str, file: Path) -> None:
    """Write versions beside each other as a PNG, in their order: the metric on test and holdout rows of each."""
    height = 1.3 + 0.3 * len(entries)
    figure = Figure(figsize=(10.0, height), dpi=72)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.46, right=0.97, top=1 - 0.65 / height, bottom=0.35 / height)
    places = np.arange(len(entries))
    test, holdout = (np.array([getattr(entry, name) for entry in entries], float) for name in ("test", "holdout"))
    axes.hlines(places, np.fmin(test, holdout), np.fmax(test, holdout), color="#cbd5e0", linewidth=3, zorder=1)
    axes.scatter(
        test, places, s=110, facecolor="white", edgecolor="#4c78a8", linewidth=1.6, label="test rows", zorder=2
    )
    axes.scatter(holdout, places, s=45, color="#4c78a8", label="holdout rows (decide)", zorder=3)
    axes.set_yticks(places, [_label(entry) for entry in entries], fontsize=9)
    for tick, entry in zip(axes.get_yticklabels(), entries, strict=True):
        tick.set_fontweight("bold" if entry.version in trained else "normal")
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.grid(axis="x", color="#e2e8f0")
    axes.set_axisbelow(True)
    figure.suptitle(f"{title} (bold: new; \u2605: champion)", fontsize=11, x=0.97, ha="right")
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    figure.savefig(file, pil_kwargs={"compress_level": 1})


def _label(entry: Standing) -> str:
    star = "\u2605 " if entry.champion else ""
    return _short(f"{star}{entry.version}  {entry.name}  {entry.config}", _LONGEST_LABEL)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
