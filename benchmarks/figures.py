"""What a benchmark gives: figures, each with its repetitions, its baseline's, and whether the aim is met."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

MEDIAN, P95 = 50, 95


@dataclass(frozen=True)
class Aim:
    """A limit: at most ``limit``, for the median itself or for the ratio to the baseline."""

    of: Literal["median", "ratio"]
    limit: float


@dataclass(frozen=True)
class Figure:
    """One measured quantity; less is better.

    Parameters
    ----------
    name : str
        What was measured.
    unit : str
        Of the values.
    values : tuple of float
        Ours, one for each repetition.
    baseline_name : str
        What it is compared with; empty if with nothing.
    baseline : tuple of float
        The baseline's, repetition by repetition.
    aim : Aim, optional
        What should be reached.
    percentiles : bool
        Whether p50 and p95 were asked for.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    baseline_name: str = ""
    baseline: tuple[float, ...] = ()
    aim: Aim | None = None
    percentiles: bool = False

    @property
    def ratio(self) -> float | None:
        """The median of the ratios, ours to the baseline's, of each repetition; None without a baseline.

        A repetition's two values were measured one after the other, so that what else the machine did meanwhile
        weighs on both.
        """
        if not self.baseline:
            return None
        return statistics.median(ours / theirs for ours, theirs in zip(self.values, self.baseline, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without an aim."""
        if self.aim is None:
            return None
        value = self.ratio if self.aim.of == "ratio" else statistics.median(self.values)
        return value is not None and value <= self.aim.limit

    def to_plain(self) -> dict[str, Any]:
        """Return plain values: the shape of the JSON."""
        return {
            "name": self.name,
            "unit": self.unit,
            **summary(self.values, percentiles=self.percentiles),
            "baseline": {"name": self.baseline_name, **summary(self.baseline)} if self.baseline else None,
            "ratio": self.ratio,
            "aim": {"of": self.aim.of, "at_most": self.aim.limit, "met": self.met} if self.aim else None,
        }


def summary(values: tuple[float, ...], *, percentiles: bool = False) -> dict[str, Any]:
    """Return all values, with median and spread."""
    plain: dict[str, Any] = {
        "values": list(values),
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
    }
    if percentiles:
        plain |= {"p50": float(np.percentile(values, MEDIAN)), "p95": float(np.percentile(values, P95))}
    return plain


def alternate(
    repetitions: int, say: Callable[[str], None], *measures: Callable[[int], float]
) -> tuple[tuple[float, ...], ...]:
    """Measure several things in turn, again and again, and return the values of each.

    Parameters
    ----------
    repetitions : int
        How often each is measured.
    say : callable
        Takes a line for whoever waits.
    measures : callables
        Each takes the repetition's number, from 0, and returns a value.
    """
    rounds = []
    for number in range(repetitions):
        rounds.append([measure(number) for measure in measures])
        say(f"{number + 1} of {repetitions}: " + " beside ".join(f"{value:.3f}" for value in rounds[-1]))
    return tuple(zip(*rounds, strict=True))
