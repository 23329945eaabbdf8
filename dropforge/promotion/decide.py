"""Who should be the champion: a pure function of scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dropforge.promotion.bootstrap import Evidence
from dropforge.promotion.gates import Gate
from dropforge.promotion.validate import Validation
from dropforge.settings import Promote


@dataclass(frozen=True)
class Contender:
    """A version that was considered: its value of the metric, and the reasons against it."""

    version: str
    value: float | None
    passed: bool
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...] = field(default=(), compare=False)
    interval: tuple[float, float] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, validation: Validation, *lacks: Gate) -> Contender:
        """Return a version as its validation found it, and what it lacks besides to be the champion."""
        return cls(
            validation.version,
            validation.value,
            validation.passed,
            (*validation.reasons, *(gate.said for gate in lacks if not gate.passed)),
            (*validation.gates, *lacks),
            validation.interval,
        )


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
    bar : Validation, optional
        The champion before, as it was compared with; or who stood for it.
    """

    champion: str | None
    previous: str | None
    verdict: str
    candidates: tuple[Contender, ...]
    steps: tuple[str, ...] = ()
    bar: Validation | None = field(default=None, compare=False)

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


Weigh = Callable[[str, int], Evidence]


def decide(
    champion: Validation | None,
    challengers: Sequence[Validation],
    settings: Promote,
    weigh: Weigh | None = None,
    *,
    previous: str | None = None,
) -> Decision:
    """Compare the challengers with the champion, all scored on the same rows.

    A challenger wins if it passed, is strictly better by at least ``min_improvement``, and that is more than luck
    where ``weigh`` is given; ties go to the champion, and among challengers to the older version.

    Parameters
    ----------
    champion : Validation, optional
        The champion, or who stands for it: the same model, trained anew on today's split of the rows.
    challengers : sequence of Validation
        Who wants to be.
    settings : Promote
        What is asked for.
    weigh : callable, optional
        Gives the evidence that a version is better than the champion, when so many are tried at once.
    previous : str, optional
        The champion, where another stands for it. That one then takes its place, if it passed and nobody beats it.
    """
    ranked = _ranked(challengers)
    bar = champion.value if champion and champion.value is not None else None
    standing = champion.version if champion else None
    previous = previous or standing
    rivals = [v for v in ranked if v.version != standing]
    tried = sum(v.value is not None for v in rivals)
    lacks = {v.version: _lacks(v, bar, settings) if v in rivals else () for v in ranked}
    winner = None
    for challenger in rivals:
        if not challenger.passed or challenger.value is None or not all(g.passed for g in lacks[challenger.version]):
            continue
        if bar is not None and weigh:
            evidence = weigh(challenger.version, tried)
            lacks[challenger.version] += (Gate("evidence", evidence.holds, evidence.said),)
            if not evidence.holds:
                continue
        winner = challenger
        break
    if winner is None:
        winner = next((v for v in ranked if v.version == standing and v.passed), None)
    contenders = tuple(Contender.of(v, *lacks[v.version]) for v in ranked)
    verdict = _verdict(previous, standing, bar, ranked, winner, lacks, settings)
    if previous != standing:
        verdict += f" (version {standing} is version {previous} trained anew, as the rows are split in another way now)"
    return Decision(winner.version if winner else previous, previous, verdict, contenders, bar=champion)


def wait(champion: str, challengers: Sequence[Validation], pipeline: str) -> Decision:
    """Return that the champion stays, as nobody can be compared with it yet; the challengers are not decided."""
    verdict = (
        f"version {champion} stays: it was trained on another split of the rows, and its score on holdout rows that it "
        f"learned from would mean nothing. `dropforge retrain {pipeline}` trains it anew, and what comes of that is "
        f"compared in its place; or promote a version by hand"
    )
    contenders = tuple(Contender.of(v) for v in _ranked(challengers))
    return Decision(champion, champion, verdict, contenders)


def _ranked(challengers: Sequence[Validation]) -> list[Validation]:
    return sorted(challengers, key=lambda v: (not v.passed, math.inf if v.value is None else -v.value, int(v.version)))


def _lacks(challenger: Validation, bar: float | None, settings: Promote) -> tuple[Gate, ...]:
    """Return the gates between a challenger that passed and the champion."""
    if bar is None or not challenger.passed or challenger.value is None:
        return ()
    if not _beats(challenger.value, bar, settings):
        return (Gate("champion", False, f"does not beat the champion's {bar:.4f}"),)
    return (Gate("champion", True, f"{challenger.value:.4f} beats the champion's {bar:.4f}"),)


def _beats(value: float, bar: float, settings: Promote) -> bool:
    gain = value - bar
    # 0.9 is better than 0.8 by 0.1, though not in floating point.
    return gain > 0 and (gain >= settings.min_improvement or math.isclose(gain, settings.min_improvement))


def _verdict(
    previous: str | None,
    standing: str | None,
    bar: float | None,
    ranked: Sequence[Validation],
    winner: Validation | None,
    lacks: Mapping[str, tuple[Gate, ...]],
    settings: Promote,
) -> str:
    metric = settings.metric
    if winner is not None and winner.value is not None:
        named, value = f"version {winner.version}", f"{winner.value:.4f}"
        if bar is not None:
            beaten = f"{named} beats version {previous}: {metric} {value} against {bar:.4f}"
            return beaten if winner.version != standing else f"{named} replaces version {previous}: {metric} {value}"
        if previous:
            return f"{named} replaces version {previous}, which could not be scored: {metric} {value}"
        return f"{named} is the first champion: {metric} {value}"
    best = next((v for v in ranked if v.passed and v.value is not None), None)
    if best is None or best.value is None or bar is None:
        verdict = "no challenger" if not ranked else "no challenger passed validation"
        return f"{verdict}; {f'version {previous} stays' if previous else 'there is no champion yet'}"
    if doubt := next((gate.said for gate in lacks[best.version] if gate.name == "evidence"), ""):
        return (
            f"version {previous} stays: version {best.version} has {metric} {best.value:.4f} against {bar:.4f}, "
            f"but {doubt}"
        )
    verdict = f"version {previous} stays: {metric} {bar:.4f} is not beaten by version {best.version}'s {best.value:.4f}"
    return f"{verdict} (needs {settings.min_improvement:g} more)" if settings.min_improvement else verdict
