"""How candidates share mapped tasks."""

from __future__ import annotations

import math
from typing import Any

SINGLE_UP_TO = 100


def batched(items: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return batches of items, each with the label that Airflow shows.

    One candidate each while there are few; beyond, they share ``SINGLE_UP_TO`` tasks at most (Airflow takes 1,024).
    """
    size = 1 if len(items) <= SINGLE_UP_TO else math.ceil(len(items) / SINGLE_UP_TO)
    groups = [items[start : start + size] for start in range(0, len(items), size)]
    return [(_label(group), group) for group in groups]


def _label(group: list[dict[str, Any]]) -> str:
    first = str(group[0]["label"])
    return first if len(group) == 1 else f"{first} and {len(group) - 1} more"
