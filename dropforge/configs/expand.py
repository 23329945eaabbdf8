"""One model with `grid` or `param_sets` becomes several, each with a name that tells it from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dropforge.configs.dialects import Dialects
from dropforge.configs.reading import Part, Reading
from dropforge.configs.words import GRID, NAMES, PARAMS, SETS, word
from dropforge.documents import Document, Problem, flow
from dropforge.estimators import unknown_parameter

LONGEST_NAME = 100


def expand(reading: Reading, document: Document, max_grid: int) -> tuple[list[Reading], list[Problem]]:
    """Return the models that a model asks for.

    Parameters
    ----------
    reading : Reading
        Of the model.
    document : Document
        Where it stands.
    max_grid : int
        How many combinations a grid may have.
    """
    if reading.grid and reading.sets:
        message = f"'{GRID}' and '{SETS}' stand together: one after the other, or each set with each combination?"
        return [], [document.problem(reading.sets.path, message, "Write two models, each with one of the two.")]
    if reading.grid:
        return _grid(reading, reading.grid, document, max_grid)
    if reading.sets:
        return _sets(reading, reading.sets, document)
    return [reading], []


def _sets(reading: Reading, sets: Part, document: Document) -> tuple[list[Reading], list[Problem]]:
    if not isinstance(sets.value, list) or not sets.value:
        hint = f"Write '{SETS}: [{{...}}, {{...}}]'."
        return [], [document.problem(sets.path, f"'{SETS}' must be a list of parameters", hint)]
    found, problems, dialects = [], [], Dialects(document)
    for index, value in enumerate(sets.value):
        part, name = _own(Part(value, (*sets.path, index)))
        params, wrong = dialects.params(part)
        problems += wrong or _twice(reading, params, document, SETS)
        told = replace(reading, name=name) if name else _told(reading, params, index, dialects)
        found.append(replace(told, params={**reading.params, **params}, sets=None))
    return found, problems


def _own(part: Part) -> tuple[Part, Part | None]:
    """Return the parameters and the name of a set that is written as ``{name: ..., params: {...}}``."""
    if not isinstance(part.value, dict):
        return part, None
    words = {word(key): key for key in part.value}
    params = [key for role, key in words.items() if role in PARAMS]
    names = [key for role, key in words.items() if role in NAMES]
    if len(params) == 1 and len(params) + len(names) == len(part.value) and len(names) <= 1:
        inner = Part(part.value[params[0]], (*part.path, params[0]))
        return inner, Part(part.value[names[0]], (*part.path, names[0])) if names else None
    return part, None


def _grid(reading: Reading, grid: Part, document: Document, max_grid: int) -> tuple[list[Reading], list[Problem]]:
    from sklearn.model_selection import ParameterGrid

    parts = [grid]
    if isinstance(grid.value, list):
        parts = [Part(item, (*grid.path, index)) for index, item in enumerate(grid.value)]
    problems = list(_not_lists(parts, document, grid))
    if problems:
        return [], problems
    count = sum(math.prod(len(values) for values in part.value.values()) for part in parts)
    if count > max_grid:
        message = f"the grid has {count:,} combinations, and the spec allows {max_grid}"
        return [], [document.problem(grid.path, message, "Make it smaller, or raise train.max_grid in the spec.")]
    entry = reading.entry
    places = []
    for part in parts:
        # What the model does not have is said once, and not for each of its values.
        unknown = [name for name in part.value if entry and not entry.parameter(name)]
        problems += [document.problem((*part.path, name), *unknown_parameter(entry, name)) for name in unknown if entry]
        places.append(
            {
                name: [Part(value, (*part.path, name, index)) for index, value in enumerate(values)]
                for name, values in part.value.items()
                if name not in unknown
            }
        )
    for place in places:
        problems += _twice(reading, {name: parts[0] for name, parts in place.items()}, document, GRID)
    found: list[Reading] = []
    dialects = Dialects(document)
    for index, params in enumerate(ParameterGrid(places)):
        told = _told(reading, params, index, dialects)
        found.append(replace(told, params={**reading.params, **params}, grid=None))
    return found, problems


def _not_lists(parts: list[Part], document: Document, grid: Part) -> Iterator[Problem]:
    if not parts:
        yield document.problem(grid.path, "the grid is empty", "Write 'name: [value, ...]'.")
    for part in parts:
        if not isinstance(part.value, dict):
            hint = "Write 'name: [value, ...]' for each parameter."
            yield document.problem(part.path, f"'{GRID}' must be a mapping of lists", hint)
            continue
        for name, values in part.value.items():
            if not isinstance(values, list) or not values:
                message = f"'{name}' must have a list of values in a grid, and has {flow(values)}"
                hint = f"Write '{name}: [{flow(values)}]'." if values != [] else "Write at least one value."
                yield document.problem((*part.path, name), message, hint)


def _twice(reading: Reading, params: dict[str, Part], document: Document, where: str) -> list[Problem]:
    return [
        document.problem(
            part.path if where == SETS else part.path[:-1],
            f"the parameter '{name}' stands twice: for all models, and in '{where}'",
            "Keep one of the two.",
        )
        for name, part in params.items()
        if name in reading.params
    ]


def _told(reading: Reading, params: dict[str, Part], index: int, dialects: Dialects) -> Reading:
    """Return the reading with a name that says by what it differs."""
    entry = reading.entry
    beginning = reading.name.value if reading.name else entry.name if entry else reading.cls.value
    if not isinstance(beginning, str):
        return reading
    differences = _listed(params, dialects)
    told = f"{beginning} {differences}".strip()
    if len(told) > LONGEST_NAME or not told.isprintable():
        told = f"{beginning[: LONGEST_NAME - 10]} #{index + 1}"
    return replace(reading, name=Part(told, reading.name.path if reading.name else reading.cls.path))


def _listed(params: Mapping[str, Part], dialects: Dialects) -> str:
    return ", ".join(f"{name}={_short(part, dialects)}" for name, part in params.items())


def _short(part: Part, dialects: Dialects) -> str:
    """Return a value for a name; of an estimator, in whatever dialect, its class and what it is given."""
    entries = [(reading, reading.entry) for reading in dialects.readings(part.value, part.path)]
    for reading, entry in entries:
        if entry:
            return f"{entry.name}({_listed(reading.params, dialects)})" if reading.params else entry.name
    return part.value if isinstance(part.value, str) else flow(part.value)
