"""A model in the plain form, nested models too; and where its author wrote each part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dropforge.configs.dialects import Dialects
from dropforge.configs.reading import Part, Reading
from dropforge.configs.words import EXPLICIT, word
from dropforge.documents import Document, Path

# Parameters that hold estimators with names.
NAMED = ("steps", "estimators", "transformer_list")


def normal(reading: Reading, document: Document) -> tuple[dict[str, Any], Document]:
    """Return a model as ``{"class": ..., "params": {...}}``, and a document that knows where its parts were written.

    Parameters
    ----------
    reading : Reading
        Of the model.
    document : Document
        Where it stands.
    """
    return _Normal(document).model(reading)


class _Normal:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.dialects = Dialects(document)
        self.origins: dict[Path, Path] = {}

    def model(self, reading: Reading) -> tuple[dict[str, Any], Document]:
        value = self.estimator(reading, ())
        return value, replace(self.document, origins=self.origins)

    def estimator(self, reading: Reading, path: Path) -> dict[str, Any]:
        self.origins |= {
            path: reading.path,
            (*path, "class"): reading.cls.path,
            (*path, "params"): reading.params_path,
        }
        value: dict[str, Any] = {} if reading.cls.value is None else {"class": reading.cls.value}
        if reading.params:
            value["params"] = self.params(reading.params, (*path, "params"))
        return value

    def params(self, params: Mapping[str, Part], path: Path) -> dict[str, Any]:
        value = {}
        for name, part in params.items():
            here = (*path, name)
            self.origins[here] = part.path
            value[name] = self.value(part, here, named=name in NAMED)
        return value

    def value(self, part: Part, path: Path, *, named: bool = False) -> Any:
        if isinstance(part.value, dict):
            return self.mapping(part, path)
        if isinstance(part.value, list):
            items = [Part(item, (*part.path, index)) for index, item in enumerate(part.value)]
            return [
                (self.step(item, (*path, index)) if named else None) or self.value(item, (*path, index))
                for index, item in enumerate(items)
            ]
        return part.value

    def mapping(self, part: Part, path: Path) -> dict[str, Any]:
        """Return a mapping, in the plain form if it can only be an estimator."""
        readings = [reading for reading in self.dialects.readings(part.value, part.path) if _is_nested(reading)]
        if "class" not in part.value and len(readings) == 1:
            return self.estimator(readings[0], path)
        if "class" in part.value and readings and readings[0].cls.path[-1] == "class":
            return self.estimator(readings[0], path)
        return {key: self.value(Part(item, (*part.path, key)), (*path, key)) for key, item in part.value.items()}

    def step(self, part: Part, path: Path) -> list[Any] | None:
        """Return ``[name, {...}]`` for a step that is written as ``{name: ..., class: ...}`` or ``{name: {...}}``."""
        if not isinstance(part.value, dict):
            return None
        readings = [r for r in self.dialects.readings(part.value, part.path) if r.entry and not r.unknown]
        if len(readings) == 1 and readings[0].name and _is_nested(replace(readings[0], name=None)):
            name = readings[0].name
            self.origins |= {path: part.path, (*path, 0): name.path}
            return [name.value, self.estimator(readings[0], (*path, 1))]
        if len(part.value) == 1 and not readings:
            ((key, item),) = part.value.items()
            inner = Part(item, (*part.path, key))
            if isinstance(item, dict) and self.dialects.readings(item, inner.path):
                self.origins |= {path: part.path, (*path, 0): inner.path, (*path, 1): inner.path}
                return [key, self.value(inner, (*path, 1))]
        return None


def _is_nested(reading: Reading) -> bool:
    """Return whether a mapping among parameters is an estimator, read so."""
    sure = reading.entry or (isinstance(reading.cls.value, str) and word(str(reading.cls.path[-1])) in EXPLICIT)
    more = (reading.name, reading.force, reading.grid, reading.sets)
    return bool(sure) and not reading.unknown and not reading.problems and not any(more)
