"""What a schedule says, in words."""

from __future__ import annotations

import re

from generator.checks import interval_seconds

_CRONS = {
    "* * * * *": "every min",
    "0 * * * *": "hourly",
    "0 0 * * *": "daily",
    "0 0 * * 0": "weekly",
    "0 0 1 * *": "monthly",
    "0 0 1 1 *": "yearly",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def spoken(schedule: str) -> str | None:
    """Return ``every 5 min`` for ``5m`` or ``*/5 * * * *``, ``hourly`` for ``@hourly``; None for other cron fields."""
    text = " ".join(schedule.split())
    if text.startswith("@"):
        return text[1:]
    if match := re.fullmatch(r"\*/(\d+) \* \* \* \*", text):
        return f"every {match[1]} min"
    if seconds := interval_seconds(text):
        size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
        return f"every {seconds // size} {unit}"
    return _CRONS.get(text)
