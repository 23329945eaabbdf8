"""A reading: what a mapping says of a model, and where each part of it is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dropforge.configs.words import FORCE, GRID, SETS, word
from dropforge.documents import Path, Problem, flow
from dropforge.estimators import Entry, registry
from dropforge.estimators.registry import short_names


@dataclass(frozen=True)
class Part:
    """A value, and where it is written."""

    value: Any
    path: Path


@dataclass(frozen=True)
class Reading:
    """One way to read a model.

    Parameters
    ----------
    path : Path
        Where the model is written.
    cls : Part
        Its class.
    params : dict
        Its parameters.
    params_path : Path
        Where they are written: under a key, or beside the class.
    name, force, sets, grid : Part, optional
        What else is said of it.
    unknown : tuple of Path
        Keys that have no role in this reading.
    problems : tuple of Problem
        What is wrong all the same.
    refused : bool
        Whether it is not known which model is meant.
    """

    path: Path
    cls: Part
    params: dict[str, Part] = field(default_factory=dict)
    params_path: Path = ()
    name: Part | None = None
    force: Part | None = None
    sets: Part | None = None
    grid: Part | None = None
    unknown: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()
    refused: bool = False

    @property
    def entry(self) -> Entry | None:
        """What the registry knows of the class."""
        return known(self.cls.value)

    def shown(self) -> str:
        """Return the reading in the plain form, on one line."""
        entry = self.entry
        plain: dict[str, Any] = {"class": entry.path if entry else self.cls.value}
        if self.params:
            plain["params"] = {name: part.value for name, part in self.params.items()}
        for key, part in (("name", self.name), (FORCE, self.force), (GRID, self.grid), (SETS, self.sets)):
            if part:
                plain[key] = part.value
        return flow(plain)


def known(name: Any) -> Entry | None:
    """Return what the registry knows of a class path or short name."""
    return registry().get(short_names().get(name, name)) if isinstance(name, str) else None


def last_key(part: Part) -> str:
    """Return the last key of a path, for a message."""
    return str(next((key for key in reversed(part.path) if isinstance(key, str)), ""))


def short(name: str) -> str:
    """Return the last part of a class path."""
    return name.rpartition(".")[2]


def joined(modules: list[Part], cls: Part) -> tuple[Part, list[Path]]:
    """Return the class path of a class that is split in two, and the paths of modules that contradict it."""
    if not isinstance(cls.value, str):
        return cls, [part.path for part in modules]
    base = ""
    for part in modules:
        if part.value is None:
            continue
        if not isinstance(part.value, str):
            return cls, [part.path]
        module = "sklearn" if word(part.value) == "scikit_learn" else part.value
        base = module if not base or f"{module}.".startswith(f"{base}.") else f"{base}.{module}"
    name = cls.value
    entry = known(name)
    if not base or f"{name}.".startswith(f"{base}."):
        path = name
    elif base.endswith(f".{name}"):
        path = base
    elif entry and "." in name:
        return cls, [part.path for part in modules]
    elif entry and not known(f"{base}.{name}") and base == entry.path.split(".", maxsplit=1)[0]:
        path = entry.path
    else:
        path = f"{base}.{name}"
    return replace(cls, value=path), []
