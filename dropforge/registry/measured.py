"""What was measured of a version on the holdout rows, as one of its tags records it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from dropforge.registry.store import Version
from dropforge.settings import Promote

TAG = "validation"


@dataclass(frozen=True)
class Sliced:
    """The metric for each value of a column: the worst ones, and how many were too small or could not be scored."""

    by: str
    worst: list[tuple[str, float, int]]  # a value of the column, the metric, rows
    left_out: int = 0


@dataclass(frozen=True)
class Measured:
    """What was measured of a version: on which rows, by which metric, and what came out.

    ``trouble`` says why it could not be measured, or was refused; empty if all is well.
    """

    holdout: str
    metric: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    guards: dict[str, float] = field(default_factory=dict)
    slices: Sliced | None = None
    trouble: str = ""

    def covers(self, settings: Promote, holdout: str) -> bool:
        """Return whether it tells all that the settings ask for, of holdout rows of this digest."""
        by = settings.slices and settings.slices.by
        return self.same_scale(settings, holdout) and (
            bool(self.trouble)
            or (settings.guards.keys() <= self.guards.keys() and by in (None, self.slices and self.slices.by))
        )

    def same_scale(self, settings: Promote, holdout: str) -> bool:
        """Return whether its value can be compared with values on holdout rows of this digest."""
        return self.holdout == holdout and self.metric == settings.metric

    @property
    def tag(self) -> dict[str, str]:
        """The tag that records it."""
        return {TAG: msgspec.json.encode(self).decode()}


def measured_of(version: Version) -> Measured | None:
    """Return what a version's tags say was measured, or None."""
    try:
        return msgspec.json.decode(version.tags[TAG], type=Measured)
    except (KeyError, msgspec.DecodeError):
        return None
