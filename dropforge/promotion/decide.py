"""Who should be the champion: a pure function of scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dropforge.promotion.validate import Validation
from dropforge.settings import Promote


@dataclass(frozen=True)
class Contender:
    """A version that was considered: its value of the metric, and the reasons against it."""

    version: str
    value: float | None
    passed: bool
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, validation: Validation) -> Contender:
        """Return a version as its validation found it."""
        return cls(validation.version, validation.value, validation.passed, validation.reasons)


@dataclass(frozen=True)
class Decision:
    """What a tick decided.

    Parameters
    ----------
    champion, previous : str, optional
        The champion after and before.
    verdict : str
        In words.
    candidates : tuple of Contender
        What was considered, best first.
    steps : tuple of str
        The plan in words: what carrying it out does, or did.
    """

    champion: str | None
    previous: str | None
    verdict: str
    candidates: tuple[Contender, ...]
    steps: tuple[str, ...] = ()

    @property
    def promotes(self) -> bool:
        """Whether the champion changes."""
        return self.champion != self.previous

    def to_plain(self) -> dict[str, Any]:
        """Return plain values: the shape of ``promote --json``."""
        return {
            "champion": self.champion,
            "previous": self.previous,
            "verdict": self.verdict,
            "candidates": [
                {"version": c.version, "value": c.value, "passed": c.passed, "reasons": list(c.reasons)}
                for c in self.candidates
            ],
        }


def decide(champion: Validation | None, challengers: Sequence[Validation], settings: Promote) -> Decision:
    """Compare the challengers with the champion, all scored on the same rows.

    A challenger wins if it is strictly better by at least ``min_improvement``; ties go to the champion, and
    among challengers to the older version.
    """
    ranked = sorted(
        challengers, key=lambda v: (not v.passed, math.inf if v.value is None else -v.value, int(v.version))
    )
    previous = champion.version if champion else None
    bar = champion.value if champion and champion.value is not None else None
    best = next((v for v in ranked if v.passed and v.value is not None), None)
    contenders = tuple(_contender(v, bar, settings) for v in ranked)
    metric = settings.metric
    if best is None or best.value is None:
        verdict = "no challenger" if not ranked else "no challenger passed validation"
        keeps = f"version {previous} stays" if previous else "there is no champion yet"
        return Decision(previous, previous, f"{verdict}; {keeps}", contenders)
    if bar is not None and not _beats(best.value, bar, settings):
        verdict = (
            f"version {previous} stays: {metric} {bar:.4f} is not beaten by version {best.version}'s {best.value:.4f}"
        )
        if settings.min_improvement:
            verdict += f" (needs {settings.min_improvement:g} more)"
        return Decision(previous, previous, verdict, contenders)
    if bar is not None:
        verdict = f"version {best.version} beats version {previous}: {metric} {best.value:.4f} against {bar:.4f}"
    elif previous:
        verdict = (
            f"version {best.version} replaces version {previous}, which could not be scored: {metric} {best.value:.4f}"
        )
    else:
        verdict = f"version {best.version} is the first champion: {metric} {best.value:.4f}"
    return Decision(best.version, previous, verdict, contenders)


def _beats(value: float, bar: float, settings: Promote) -> bool:
    gain = value - bar
    # 0.9 is better than 0.8 by 0.1, though not in floating point.
    return gain > 0 and (gain >= settings.min_improvement or math.isclose(gain, settings.min_improvement))


def _contender(validation: Validation, bar: float | None, settings: Promote) -> Contender:
    reasons = list(validation.reasons)
    if (
        validation.passed
        and validation.value is not None
        and bar is not None
        and not _beats(validation.value, bar, settings)
    ):
        reasons.append(f"does not beat the champion's {bar:.4f}")
    return Contender(validation.version, validation.value, validation.passed, tuple(reasons))
