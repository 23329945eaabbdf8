"""Where a document's models stand: one, a list, several under a key, or entries with names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dropforge.configs.dialects import Dialects
from dropforge.configs.reading import Part, Reading, known
from dropforge.configs.words import KNOWN, LISTS, MODULES, PARAMS, word
from dropforge.documents import Document, Path, Problem, stuck

_ONE = "Write 'class: ...' and 'params: ...', or 'models: [...]'."
_EACH = "Write 'class: ...' and 'params: ...'."


class Shapes:
    """Finds the models of a document.

    Parameters
    ----------
    document : Document
        What was read.
    problems : list of Problem
        Takes what stands where no model can.
    """

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document, self.problems = document, problems
        self.dialects = Dialects(document)

    def models(self) -> Iterator[Reading]:
        """Return the document's models, in its order."""
        value = self.document.value
        if isinstance(value, list):
            yield from self._several(value, ())
        elif isinstance(value, dict):
            yield from self._mapping(value, ())
        else:
            self._complain((), "a config is a mapping", (stuck(value) if isinstance(value, str) else "") or _ONE)

    def _mapping(self, value: dict[str, Any], path: Path) -> Iterator[Reading]:
        readings = self.dialects.readings(value, path)
        holds = any(not reading.unknown for reading in readings)
        # 'estimators' beside a class is a parameter that this class does not have.
        lists = [key for key in value if word(key) in (("models", "configs") if readings else LISTS)]
        if lists and not holds:
            yield from self._listed(value, lists[0], path)
        elif not readings and self._is_named(value, path):
            for key, item in value.items():
                yield from self._entry(Part(key, (*path, key)), item, (*path, key))
        else:
            yield self.dialects.model(value, path)

    def _listed(self, value: dict[str, Any], key: str, path: Path) -> Iterator[Reading]:
        for other in value:
            if other != key:
                here = (*path, other)
                self._complain(here, f"the key '{other}' is unknown beside '{key}'", "Move it into a model.")
        item, here = value[key], (*path, key)
        if isinstance(item, list):
            if pairs := [pair for pair in item if isinstance(pair, list) and len(pair) > 1]:
                names = ", ".join(str(pair[0]) for pair in pairs)
                message = (
                    f"this can be read as {len(item)} models ({names}), or as the '{key}' of a model whose class "
                    "is missing"
                )
                remedy = "For models write mappings, '- {name: ..., class: ...}'; for one model add its 'class'."
                self._complain(here, message, remedy)
                return
            yield from self._several(item, here)
        elif not isinstance(item, dict):
            self._complain(here, f"'{key}' must be a list", "Begin each model with '- class:'.")
        elif self.dialects.readings(item, here):
            yield self.dialects.model(item, here)
        else:
            for name, model in item.items():
                yield from self._entry(Part(name, (*here, name)), model, (*here, name))

    def _several(self, items: list[Any], path: Path) -> Iterator[Reading]:
        for index, item in enumerate(items):
            here = (*path, index)
            if isinstance(item, dict):
                yield from self._item(item, here)
            elif known(item):
                yield Reading(here, Part(item, here), params_path=here)
            else:
                self._complain(here, "a model is a mapping", _EACH)

    def _item(self, item: dict[str, Any], path: Path) -> Iterator[Reading]:
        if not self.dialects.readings(item, path) and self._is_named(item, path):
            for key, model in item.items():
                yield from self._entry(Part(key, (*path, key)), model, (*path, key))
        else:
            yield self.dialects.model(item, path)

    def _entry(self, key: Part, value: Any, path: Path) -> Iterator[Reading]:
        """Return the model that stands under its name, or under its class."""
        if isinstance(value, dict):
            yield self.dialects.model(value, path, key)
        elif known(key.value) and (value is None or isinstance(value, list)):
            yield self.dialects.keyed(key, value, path)[0]
        elif known(value):
            yield Reading(path, Part(value, path), params_path=path, name=key)
        else:
            self._complain(path, "a model is a mapping", _EACH)

    def _is_named(self, value: dict[str, Any], path: Path) -> bool:
        """Return whether the keys of a mapping are names or classes of models."""
        if value and all(isinstance(item, dict) and word(key) not in KNOWN for key, item in value.items()):
            return True
        return any(
            word(key) not in (*PARAMS, *MODULES)
            and (
                bool(self.dialects.readings(item, (*path, key)))
                or (known(key) is not None and (item is None or isinstance(item, dict | list)))
            )
            for key, item in value.items()
        )

    def _complain(self, path: Path, message: str, remedy: str) -> None:
        self.problems.append(self.document.problem(path, message, remedy))
