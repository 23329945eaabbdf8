"""Documents that are almost right: what somebody wrote, with parts renamed, replaced, added or left out."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of each value within a value."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for part in path:
        value = value[part]
    return value


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[Any], leaves: Sequence[Any], words: Sequence[str]) -> Any:
    """Return one of the seeds, mutated one to three times: with leaves, words, and parts of other seeds."""
    value = copy.deepcopy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            continue
        holder, key = at(value, path[:-1]), path[-1]
        other = draw(st.sampled_from(seeds))
        part = at(other, draw(st.sampled_from(list(places(other)))))
        new = copy.deepcopy(draw(st.sampled_from([*leaves, part])))
        kind = draw(st.sampled_from(["replace", "rename", "add", "remove"]))
        if kind == "replace":
            holder[key] = new
        elif kind == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(new)
        else:
            holder[draw(st.sampled_from(words))] = holder.pop(key) if kind == "rename" else new
    return value
