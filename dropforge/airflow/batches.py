"""How candidates share mapped tasks."""

from __future__ import annotations

import math
import random
from typing import Any

FEW = 8
LARGE = 250
MOST = 1000


def batched(items: list[dict[str, Any]], cores: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return batches of items, each with the label that Airflow shows.

    Few candidates have a task each, which is what people like to look at. A task costs more than a small candidate:
    where there are many, they share as many tasks as keep the cores busy. That is two for each core, as one waits for
    MLflow while the other computes; more would only take memory. A batch that would be larger than ``LARGE`` is
    divided, into ``MOST`` tasks at most (Airflow takes 1,024).

    The batches are dealt like cards: neighbours, which are often alike (a grid that grows), come into different ones.
    Each round is dealt in another order: where kinds take turns (many files of the same four models), the slow kind
    would come to the same batch in every round otherwise, and one task would be at work when all others have ended.
    """
    if len(items) <= max(FEW, 2 * cores):
        count = len(items)
    else:
        count = min(max(2 * cores, math.ceil(len(items) / LARGE)), MOST)
    order = list(range(count))
    shuffle = random.Random(0).shuffle  # noqa: S311 - the same batches each time
    groups: list[list[dict[str, Any]]] = [[] for _ in order]
    for number, item in enumerate(items):
        if count < len(items) and number % count == 0:
            shuffle(order)
        groups[order[number % count]].append(item)
    return [(_label(group), group) for group in groups]


def _label(group: list[dict[str, Any]]) -> str:
    first = str(group[0]["label"])
    return first if len(group) == 1 else f"{first} and {len(group) - 1} more"
