"""How people write a model: every way in which a mapping can be read, and the one that is meant.

A *reading* takes one key for the class and gives each other key a role: the model's name, its parameters, a
parameter beside the class. A reading in which every key has a role holds. If two hold that say different things, the
mapping is refused with both of them shown: nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dropforge.configs.reading import Part, Reading, joined, known, last_key, short
from dropforge.configs.words import (
    CLASSES,
    EXPLICIT,
    FORCE,
    GRID,
    HINTS,
    HOLDERS,
    KNOWN,
    MODULES,
    NAMES,
    PARAMS,
    PLAIN,
    SETS,
    word,
)
from dropforge.documents import Document, Path, Problem, did_you_mean, flow, stuck

MOST_KEYS = 1000
_PAIRS = "Write 'name: value' pairs."


class Dialects:
    """Reads the models of a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._readings: dict[Path, list[Reading]] = {}

    def model(self, value: Mapping[str, Any], path: Path, called: Part | None = None) -> Reading:
        """Return the reading of a model that is meant; its problems say so if there is none.

        Parameters
        ----------
        value : mapping
            What is written.
        path : Path
            Where.
        called : Part, optional
            The key under which it stands: its name, or its class.
        """
        readings = self.readings(value, path)
        if called:
            readings = [*self.keyed(called, value, path), *(self._called(reading, called) for reading in readings)]
        return self._choose(readings, value, path)

    def readings(self, value: Any, path: Path) -> list[Reading]:
        """Return the ways in which a mapping can be read as a model, the likeliest first."""
        if not isinstance(value, dict):
            return []
        if path not in self._readings:  # a key within a key within a key is asked for again and again
            self._readings[path] = list(self._read(value, path))
        return self._readings[path]

    def keyed(self, key: Part, value: Any, path: Path) -> list[Reading]:
        """Return the reading of ``RandomForestClassifier: {n_estimators: 5}``."""
        if not known(key.value):
            return []
        if value is None:
            return [Reading(path, key)]
        if isinstance(value, list):
            return [self._with_params(Reading(path, key), [Part(value, path)])]
        return [self._assign(value, path, key, set())] if isinstance(value, dict) else []

    def _read(self, value: dict[str, Any], path: Path) -> Iterator[Reading]:
        words = {key: word(key) for key in value}
        texts = [key for name in CLASSES for key in value if words[key] == name and isinstance(value[key], str)]
        if explicit := [key for key in value if words[key] in EXPLICIT]:
            texts = sorted(explicit, key=lambda key: EXPLICIT.index(words[key]))
        elif not texts:
            texts = [key for key in value if words[key] in MODULES and known(value[key])]
        for key in texts:
            yield self._assign(value, path, Part(value[key], (*path, key)), {key})
        if not explicit:
            for key, item in value.items():
                if words[key] in HOLDERS and isinstance(item, dict):
                    for inner in self._held(item, (*path, key)):
                        yield self._outer(value, path, key, inner)

    def _held(self, value: dict[str, Any], path: Path) -> list[Reading]:
        """Return the readings of what a key like ``model`` holds."""
        found = list(self.readings(value, path))
        if len(value) == 1:
            ((key, item),) = value.items()
            found += self.keyed(Part(key, (*path, key)), item, (*path, key))
        return found

    def _assign(self, value: dict[str, Any], path: Path, cls: Part, used: set[str]) -> Reading:
        """Return the reading in which ``cls`` is the class."""
        outer = sorted((key for key in value if word(key) in MODULES and key not in used), key=_order)
        modules = [Part(value[key], (*path, key)) for key in outer]
        cls, contradicted = joined(modules, cls)
        entry = known(cls.value)
        explicit = bool(used) and word(str(cls.path[-1])) in EXPLICIT
        params, names, unknown, found = [], [], list(contradicted), {}
        beside: dict[str, Part] = {}
        for key, item in value.items():
            part, role = Part(item, (*path, key)), word(key)
            other = known(item) if role in CLASSES else None
            if key in used or role in MODULES:
                continue
            if entry and key in entry.parameters:
                beside[key] = part
            elif role in PARAMS:
                params.append(part)
            elif role in (FORCE, GRID, SETS):
                found[role] = part
            elif other and entry and other.path == entry.path:
                names += [part] if role in NAMES else []
            elif role in NAMES and (explicit or not other or not entry):
                names.append(part)
            elif not entry and (role not in KNOWN or key in ("estimator", "estimators")):
                beside[key] = part
            else:
                unknown.append(part.path)
        reading = Reading(
            path,
            cls,
            params_path=path,
            force=found.get(FORCE),
            sets=found.get(SETS),
            grid=found.get(GRID),
            unknown=tuple(unknown),
        )
        return self._with_params(self._with_names(reading, names), params, beside)

    def _outer(self, value: dict[str, Any], path: Path, holder: str, inner: Reading) -> Reading:
        """Return the reading in which ``holder`` holds the model, and its neighbours say more of it."""
        params, names, unknown, found = [], [], [], {}
        for key, item in value.items():
            part, role = Part(item, (*path, key)), word(key)
            if key == holder:
                continue
            if role in PARAMS:
                params.append(part)
            elif role in (FORCE, GRID, SETS) and getattr(inner, {SETS: "sets"}.get(role, role)) is None:
                found[{SETS: "sets"}.get(role, role)] = part
            elif role in NAMES:
                names.append(part)
            else:
                unknown.append(part.path)
        more: Any = found
        reading = replace(inner, unknown=(*inner.unknown, *unknown), **more)
        return self._with_params(self._with_names(reading, names), params, inner.params)

    def _called(self, reading: Reading, called: Part) -> Reading:
        return reading if reading.name else replace(reading, name=called)

    def _with_names(self, reading: Reading, names: list[Part]) -> Reading:
        for part in names:
            if part.value is None:
                continue
            if reading.name and reading.name.value != part.value:
                message = f"the model has two names, '{reading.name.value}' and '{part.value}'"
                problem = self.document.problem(part.path, message, "Keep one of the two.")
                reading = replace(reading, problems=(*reading.problems, problem))
            else:
                reading = replace(reading, name=part)
        return reading

    def _with_params(self, reading: Reading, parts: list[Part], beside: Mapping[str, Part] | None = None) -> Reading:
        """Return the reading with the parameters that stand under keys, and those beside the class."""
        problems = list(reading.problems)
        params: dict[str, Part] = {}
        parts = [part for part in parts if part.value is not None]
        if len(parts) > 1:
            first, second = (f"'{last_key(part)}'" for part in parts[:2])
            readings = " or ".join(
                self._with_params(replace(reading, problems=()), [part], beside).shown() for part in parts[:2]
            )
            message = f"parameters stand under {first} and under {second}: this can be read as {readings}"
            problems.append(self.document.problem(parts[1].path, message, "Write them under one key."))
        for part in parts[:1]:
            params, found = self.params(part)
            problems += found
        for name, part in (beside or {}).items():
            if name in params:
                message = f"the parameter '{name}' stands twice: {flow(params[name].value)} and {flow(part.value)}"
                problems.append(self.document.problem(part.path, message, "Keep one of the two."))
        params_path = parts[0].path if parts else reading.params_path
        return replace(reading, params={**(beside or {}), **params}, params_path=params_path, problems=tuple(problems))

    def params(self, part: Part) -> tuple[dict[str, Part], list[Problem]]:
        """Return parameters that are written as a mapping, or as a list of mappings of one key."""
        value, path = part.value, part.path
        if isinstance(value, dict):
            if len(value) > MOST_KEYS:
                return {}, [
                    self.document.problem(path, f"more than {MOST_KEYS:,} parameters", "Keep those that exist.")
                ]
            return {name: Part(item, (*path, name)) for name, item in value.items()}, []
        if not isinstance(value, list):
            hint = (stuck(value.split()[0]) if isinstance(value, str) and value.strip() else "") or _PAIRS
            return {}, [self.document.problem(path, "the parameters must be a mapping", hint)]
        found: dict[str, Part] = {}
        for index, item in enumerate(value):
            here = (*path, index)
            if not isinstance(item, dict) or not item:
                message = f"{flow(item)} is a value without the name of its parameter"
                return {}, [self.document.problem(here, message, _PAIRS)]
            twice = [name for name in item if name in found]
            if len(item) > 1 or twice:
                merged = {name: one for each in value if isinstance(each, dict) for name, one in each.items()}
                message = (
                    f"this list can be read as the parameters of one model, {flow(merged)}, "
                    f"or as those of {len(value)} models"
                )
                hint = f"For one model write a mapping; for several write '{SETS}' instead of '{last_key(part)}'."
                return {}, [self.document.problem(here, message, hint)]
            found |= {name: Part(one, (*here, name)) for name, one in item.items()}
        return found, []

    def _choose(self, readings: list[Reading], value: Mapping[str, Any], path: Path) -> Reading:
        likely = [reading for reading in readings if reading.entry] or readings
        if not likely:
            return self._no_class(value, path)
        holding = [reading for reading in likely if not reading.unknown]
        said: dict[str, Reading] = {}
        for reading in holding:
            said.setdefault(self._said(reading), reading)
        different = list(said.values())
        if len(different) > 1 and different[0].entry:
            first, second = different[:2]
            message = f"this can be read in two ways, as {first.shown()} or as {second.shown()}"
            problem = self.document.problem(second.cls.path, message, "Write the one that you mean.")
            return replace(first, problems=(problem,), refused=True)
        if holding:
            return holding[0]
        first = likely[0]
        return replace(first, problems=(*first.problems, *self._unknown(first, value)))

    def _said(self, reading: Reading) -> str:
        entry = reading.entry
        params = {name: part.value for name, part in sorted(reading.params.items())}
        others = [part.value if part else None for part in (reading.force, reading.grid, reading.sets)]
        return json.dumps([entry.path if entry else reading.cls.value, params, others])

    def _unknown(self, reading: Reading, value: Mapping[str, Any]) -> Iterator[Problem]:
        entry = reading.entry
        words = (*PLAIN, *(entry.parameters if entry else ("models",)))
        for path in reading.unknown[:MOST_KEYS]:
            item = Part(self._at(path), path)
            role = word(str(path[-1]))
            rival = known(item.value) if role in CLASSES else None
            if rival and entry:
                other = self._assign(dict(value), reading.path, item, {str(path[-1]), str(reading.cls.path[-1])})
                message = f"two classes are named: this can be read as {reading.shown()} or as {other.shown()}"
                yield self.document.problem(path, message, "Keep the one that you mean.")
                continue
            if role in MODULES and isinstance(reading.cls.value, str):
                here = replace(reading, cls=replace(reading.cls, value=f"{item.value}.{short(reading.cls.value)}"))
                message = f"this can be read as {reading.shown()} or as {flow({'class': here.cls.value})}"
                yield self.document.problem(path, message, "Keep the one that you mean.")
                continue
            hint = HINTS.get(role) or did_you_mean(str(path[-1]), words)
            if not hint and self.readings(item.value, path):
                hint = "Write several models under 'models', each with its 'class'."
            if not hint and not entry:
                continue  # it may be a parameter of the class that is missing
            named = f"; {entry.name}'s parameters may stand beside them" if entry else ""
            hint = hint or f"A model has the keys {', '.join(PLAIN)}{named}."
            yield self.document.problem(path, f"the key '{path[-1]}' is unknown", hint)

    def _no_class(self, value: Mapping[str, Any], path: Path) -> Reading:
        """Return a reading of what names no class, with what may be meant."""
        holders = [key for key in value if word(key) in HOLDERS and isinstance(value[key], dict)]
        if len(holders) == 1:
            return self._no_class(value[holders[0]], (*path, holders[0]))
        named = [key for key in value if word(key) in CLASSES]
        cls = Part(value[named[0]], (*path, named[0])) if named else Part(None, (*path, "class"))
        if isinstance(cls.value, list):
            message = f"'{named[0]}' holds a list, and a model has one class"
            problem = self.document.problem(cls.path, message, "Write several models under 'models'.")
            return Reading(path, cls, problems=(problem,), refused=True)
        unknown = tuple((*path, key) for key in value if word(key) not in KNOWN)
        reading = Reading(path, cls, params_path=path, unknown=unknown)
        return replace(reading, problems=tuple(self._unknown(reading, value)))

    def _at(self, path: Path) -> Any:
        value = self.document.value
        for part in path:
            value = value[part]
        return value


def _order(key: str) -> int:
    """Return where a module's word stands in the table: a package comes before its module, however it is written."""
    return MODULES.index(word(key))
