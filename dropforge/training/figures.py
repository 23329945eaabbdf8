"""Draw curves and points: those of one candidate, and those of a leaderboard."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from dropforge.registry.compare import Standing
from dropforge.training.charts import Chart, shown
from dropforge.training.explain import Curve

_LONGEST_LABEL = 54  # characters that name a version
_lock = threading.Lock()


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """Let one at a time draw. No `$` is math; and no letter is fitted to pixels: a fifth of the time, and not seen."""
    with _lock, rc_context({"text.hinting": "no_hinting", "text.parse_math": False}):
        yield


@_drawing()
def draw_curves(curves: Sequence[Curve], file: Path) -> None:
    """Write ROC, precision-recall and calibration curves as one PNG."""
    sheet = _curve_sheet()
    sheet.draw(curves)
    pixels = np.asarray(sheet.canvas.buffer_rgba())
    chart = Chart(Image.fromarray(np.ascontiguousarray(pixels[..., :3])))
    right, bottom = sheet.corner
    legend = [(to_hex(f"C{number}"), shown(curve.label)) for number, curve in enumerate(curves)]
    chart.legend(right - 8, bottom - 8, legend)
    chart.write(file)


class _CurveSheet:
    """Three axes, for curves of any classes, that are laid out and drawn once for all candidates.

    Only what differs is drawn on them again (blitting): a whole figure takes three times as long.
    """

    def __init__(self) -> None:
        figure = Figure(figsize=(13.0, 4.4), dpi=72)
        self.canvas = FigureCanvasAgg(figure)
        figure.subplots_adjust(left=0.05, right=0.99, top=0.9, bottom=0.12, wspace=0.2)
        roc, precision, calibration = figure.subplots(1, 3)
        for axes, title, across, up in (
            (roc, "ROC (dotted: guessing)", "share of the others taken for it", "share of the class found"),
            (precision, "Precision and recall", "recall", "precision"),
            (calibration, "Calibration (dotted: perfect)", "probability that the model gives", "share of the class"),
        ):
            axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        for axes in (roc, calibration):
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
        self.lines = (
            *(axes.plot([], [], animated=True)[0] for axes in (roc, precision)),
            *calibration.plot([], [], animated=True, marker="o", markersize=3),
        )
        self.canvas.draw()
        self._empty = self.canvas.copy_from_bbox(figure.bbox)
        box = roc.get_window_extent()
        self.corner = (box.x1, figure.bbox.height - box.y0)  # of the first axes, at the lower right; y from above

    def draw(self, curves: Sequence[Curve]) -> None:
        """Draw the curves."""
        self.canvas.restore_region(self._empty)
        for number, curve in enumerate(curves):
            for line, points in zip(self.lines, (curve.roc, curve.precision_recall, curve.calibration), strict=True):
                line.set(data=points, color=f"C{number}")
                self.canvas.figure.draw_artist(line)


@functools.lru_cache(maxsize=1)
def _curve_sheet() -> _CurveSheet:
    return _CurveSheet()


@_drawing()
def lay_out() -> None:
    """Lay out what is the same for every pipeline, before there are candidates: the first one has no time for it."""
    _curve_sheet()


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
    return shown(f"{star}{entry.version}  {entry.name}  {entry.config}", _LONGEST_LABEL)
