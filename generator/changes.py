"""What a plan changes, in words: read from the settings that the old files carry and the new ones will."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from generator.files import dags_of, settings_of
from generator.plan import Action, Step
from generator.schedules import spoken

SHOWN = 60
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Change:
    """What happens to one pipeline.

    Parameters
    ----------
    pipeline : str
        Its name; empty for the schemas that editors read, which are of no pipeline.
    action : str
        ``add``, ``change`` or ``remove``.
    words : tuple of str
        What changes, each in a few words.
    dags : Mapping
        How many DAGs are added, changed and removed.
    """

    pipeline: str
    action: Action
    words: tuple[str, ...]
    dags: Mapping[Action, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.pipeline or 'schemas'}: {'; '.join(self.words)}"


def changes(steps: Iterable[Step]) -> tuple[Change, ...]:
    """Return what a plan changes, pipeline by pipeline; those that stay as they are left out."""
    ordered = sorted((step for step in steps if step.action != "keep"), key=lambda step: step.pipeline)
    return tuple(_change(name, list(group)) for name, group in groupby(ordered, lambda step: step.pipeline))


def summary(found: Iterable[Change]) -> str:
    """Return how many DAGs change: ``2 DAGs change, 1 is added``; empty if none does."""
    counts: Counter[Action] = Counter()
    for change in found:
        counts.update(change.dags)
    verbs: dict[Action, tuple[str, str]] = {
        "change": ("changes", "change"),
        "add": ("is added", "are added"),
        "remove": ("is removed", "are removed"),
    }
    parts = [f"{counts[action]}{{}} {verb[counts[action] > 1]}" for action, verb in verbs.items() if counts[action]]
    if not parts:
        return ""
    noun = " DAG" if parts[0].startswith("1{") else " DAGs"
    return ", ".join([parts[0].format(noun), *(part.format("") for part in parts[1:])])


def _change(name: str, steps: list[Step]) -> Change:
    step = next((step for step in steps if step.path.suffix == ".yaml"), None)
    edited = tuple(f"{step.path.name} was edited by hand" for step in steps if step.edited)
    if not name:
        return Change(name, "change", (*edited, "they are made for what is installed"))
    if step is None and steps[0].action == "remove":
        return Change(name, "remove", (*edited, "is removed"))
    if step is None:
        return Change(name, "change", (*edited, "its loader alone: the settings stay"))
    if step.action == "add":
        return Change(name, "add", ("is new", *edited), {"add": len(_dag_ids(step.new))})
    if step.action == "remove":
        return Change(name, "remove", (*edited, *_farewell(name, step)), {"remove": len(_dag_ids(step.old))})
    old, new = _read(step.old), _read(step.new)
    words = (
        tuple(_differences(*(_settings(dags) for dags in (old, new)))) if old else ("its old settings can't be read",)
    )
    counts: dict[Action, int] = {
        "change": sum(old[dag] != new[dag] for dag in old.keys() & new.keys()),
        "add": len(new.keys() - old.keys()),
        "remove": len(old.keys() - new.keys()),
    }
    return Change(name, "change", (*edited, *(words or ("other text for the same settings",))), counts)


def _farewell(name: str, step: Step) -> Iterator[str]:
    yield "is removed"
    yield f"its versions and history stay: model '{name}' and experiment '{name}' in MLflow"
    if watch := _settings(_read(step.old)).get("train", _NOTHING).get("watch"):
        yield f"its configs stay in {watch}"


def _dag_ids(text: str | None) -> list[str]:
    """Return the DAGs in a file, without parsing it: a thousand are added at once."""
    return [name for name in re.findall(r"^(\w+):", text or "", re.M) if name != "default"]


def _read(text: str | None) -> Mapping[str, Any]:
    try:
        return dags_of(text or "")
    except Exception:  # whatever an edited file brings its readers to raise
        return {}


def _settings(dags: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of DAGs as plain values: an older Dropforge may have known other keys."""
    try:
        return json.loads(settings_of(dags))
    except Exception:  # as above
        return {}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key) and key != "digest":
            label, spoken = _SPOKEN.get(key, (key, _shown))
            yield f"{label} {spoken(before.get(key))} -> {spoken(after.get(key))}"


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{path}{key}.")
        else:
            yield f"{path}{key}", item


def _shown(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # On one line, whatever stands in it.
    text = text if text and text.isprintable() else repr(text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def schedule_in_words(schedule: Any) -> str:
    """Return a schedule in words, as far as there are some; others as they are."""
    if not isinstance(schedule, str):
        return _shown(schedule)
    text = " ".join(schedule.split())
    said = spoken(text)
    return said if said and said.isprintable() else f"'{_shown(text)}'"


_SPOKEN: Mapping[str, tuple[str, Callable[[Any], str]]] = {"promote.schedule": ("promotion", schedule_in_words)}
