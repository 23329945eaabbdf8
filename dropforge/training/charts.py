"""Draw what consists of boxes and text: the confusion matrix, the importances, and a legend.

By Pillow: a text costs it a tenth of what it costs matplotlib, and each candidate has some eighty. All is in pixels.
"""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import confusion_matrix

from dropforge.documents import printable
from dropforge.training.explain import head_of

_MARGIN, _GAP, _LINE = 12, 6, 18
_TEXT, _TITLE = 12.5, 15.0
_SMALL, _SMALL_LINE = 9.0, 13
_LONGEST = 40  # characters of the name of a class or a column

_FRAME = 486  # the cells of a confusion matrix, across and down
_MOST_NUMBERS = 30  # classes; beyond, a cell is smaller than a number
_LEAST_TEXT = 7.5  # of a letter that can be read

_WIDTH = 760  # of the importances
_MOST_BARS = 15
_BAR, _BETWEEN = 18, 6
_VALUE = 60  # room at the end of the longest bar


def draw_confusion(target: pd.Series, predicted: np.ndarray, classes: Sequence[Any], file: Path) -> None:
    """Write the confusion matrix of the test rows as a PNG: a row for each true class, a column for each predicted.

    A cell's shade is its share of the largest one.
    """
    counts = confusion_matrix(target, predicted, labels=classes)
    many, most = len(classes), counts.max()
    names = [shown(name) for name in classes]
    is_numbered, cell = many <= _MOST_NUMBERS, _FRAME / many
    size = min(_TEXT, max(_LEAST_TEXT, 0.7 * cell))
    step = math.ceil(size / cell)  # from a class to the next that is named
    longest = math.ceil(max(map(_font(size).getlength, names)))
    is_upright = longest + _GAP <= step * cell
    left, top = _MARGIN + _LINE + longest + _GAP, _MARGIN + _LINE + _GAP
    right, bottom = left + _FRAME, top + _FRAME
    under = bottom + _GAP + (_LINE if is_upright else longest)
    chart = Chart.blank(right + _MARGIN, under + _LINE + _MARGIN)

    colours = colormaps["Blues"](counts / most, bytes=True)[..., :3]
    shrunk = Image.Resampling.NEAREST if many <= _FRAME else Image.Resampling.BOX
    chart.image.paste(Image.fromarray(np.ascontiguousarray(colours)).resize((_FRAME, _FRAME), shrunk), (left, top))
    chart.draw.rectangle((left - 1, top - 1, right, bottom), outline="black")
    middle = [(number + 0.5) * cell for number in range(many)]
    # Only what happened is numbered: zeros would hide it.
    for row, column in np.argwhere(counts) if is_numbered else ():
        ink = "white" if counts[row, column] > most / 2 else "black"
        chart.text(left + middle[column], top + middle[row], str(counts[row, column]), size, "mm", ink)
    for place in range(0, many, step):
        chart.text(left - _GAP, top + middle[place], names[place], size, "rm")
        if is_upright:
            chart.text(left + middle[place], bottom + _GAP, names[place], size, "ma")
        else:
            chart.turned(left + middle[place], bottom + _GAP, names[place], size)
    title = f"Test rows: {np.trace(counts) / counts.sum():.1%} of {counts.sum()} right"
    said = title if is_numbered else f"{title}; the darkest cell: {most}"
    chart.text((left + right) / 2, _MARGIN, said, _TITLE, "ma")
    chart.text((left + right) / 2, under + _GAP, "predicted class", _TEXT, "ma")
    tall = _font(_TEXT).getlength("true class")
    chart.turned(_MARGIN + _LINE / 2 - _GAP, (top + bottom - tall) / 2, "true class", _TEXT)
    chart.write(file)


def draw_importances(importances: Mapping[str, float], means: str, file: Path) -> None:
    """Write the most important columns as a PNG, the first one on top; the value of each stands at its bar's end."""
    bars = [(shown(name), value) for name, value in head_of(importances, _MOST_BARS).items()]
    values = [value for _, value in bars]
    title = textwrap.wrap(f"Importances, {means}", int(_WIDTH / (0.62 * _TEXT)))
    top = _MARGIN + _LINE * len(title) + _GAP
    left = _MARGIN + math.ceil(max((_font(_TEXT).getlength(name) for name, _ in bars), default=0)) + _GAP
    chart = Chart.blank(_WIDTH, top + (_BAR + _BETWEEN) * len(bars) + _MARGIN)
    for number, line in enumerate(title):
        chart.text(_MARGIN, _MARGIN + _LINE * number, line, _TEXT, "la")
    least, most = min(0.0, *values), max(0.0, *values)
    share = (_WIDTH - left - _VALUE - _MARGIN) / (most - least) if most > least else 0.0
    zero = left - least * share
    for place, (name, value) in enumerate(bars):
        up = top + place * (_BAR + _BETWEEN)
        ends = sorted((zero, zero + value * share))
        chart.draw.rectangle((ends[0], up, ends[1], up + _BAR), fill="#4c78a8")
        chart.text(left - _GAP, up + _BAR / 2, name, _TEXT, "rm")
        chart.text(ends[1] + _GAP, up + _BAR / 2, f"{value:.3g}", _TEXT, "lm")
    chart.write(file)


def shown(name: Any, longest: int = _LONGEST) -> str:
    """Return a name as it is drawn: in one line, and of so many characters at most."""
    text = printable(str(name))
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


@functools.lru_cache(maxsize=32)
def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont("DejaVu Sans"), size)


class Chart:
    """An image to draw on."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.draw = image, ImageDraw.Draw(image)

    @classmethod
    def blank(cls, width: int, height: int) -> Chart:
        """Return one that is white."""
        return cls(Image.new("RGB", (width, height), "white"))

    def text(self, x: float, y: float, text: str, size: float, anchor: str, ink: str = "black") -> None:
        """Write a text; `anchor` is Pillow's: across (left, middle, right), then down (ascender, middle)."""
        self.draw.text((x, y), text, font=_font(size), fill=ink, anchor=anchor)

    def turned(self, x: float, y: float, text: str, size: float) -> None:
        """Write a text from bottom to top, which is centred across and ends at ``y``."""
        font = _font(size)
        ascent, descent = font.getmetrics()
        mask = Image.new("L", (max(1, math.ceil(font.getlength(text))), ascent + descent))
        ImageDraw.Draw(mask).text((0, 0), text, font=font, fill=255)
        mask = mask.rotate(90, expand=True)
        self.image.paste("black", (round(x - mask.width / 2), round(y)), mask)

    def legend(self, right: float, bottom: float, entries: Sequence[tuple[str, str]]) -> None:
        """Say which colour is whose, in a box that ends at a lower right corner."""
        font, sample = _font(_SMALL), 20
        wide = sample + _GAP + max((font.getlength(text) for _, text in entries), default=0)
        left, top = right - wide - 2 * _GAP, bottom - _SMALL_LINE * len(entries) - _GAP
        self.draw.rectangle((left, top, right, bottom), fill="white", outline="#cccccc")
        for number, (colour, text) in enumerate(entries):
            y = top + _GAP / 2 + _SMALL_LINE * (number + 0.5)
            self.draw.line((left + _GAP, y, left + _GAP + sample, y), fill=colour, width=2)
            self.text(left + 2 * _GAP + sample, y, text, _SMALL, "lm")

    def write(self, file: Path) -> None:
        """Write it as a PNG."""
        self.image.save(file, compress_level=1)
