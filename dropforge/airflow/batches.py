"""How candidates share mapped tasks."""

from __future__ import annotations

import math
from typing import Any

LARGE = 25
MOST = 1000


def batched(items: list[dict[str, Any]], few: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return batches of items, each with the label that Airflow shows.

    A task costs Airflow about as much as a small candidate costs us: up to ``few`` candidates have one each, more share
    so many tasks, until a batch is ``LARGE``; there are ``MOST`` tasks at most (Airflow takes 1,024). The batches are
    dealt like cards: neighbours, which are often alike (a grid that grows), come into different ones.
    """
    count = min(len(items), max(few, math.ceil(len(items) / LARGE)), MOST)
    groups = [items[start::count] for start in range(count)]
    return [(_label(group), group) for group in groups]


def _label(group: list[dict[str, Any]]) -> str:
    first = str(group[0]["label"])
    return first if len(group) == 1 else f"{first} and {len(group) - 1} more"
