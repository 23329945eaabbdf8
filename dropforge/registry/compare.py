"""Versions of a pipeline beside each other: what each is, its values, and who is champion."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dropforge.registry.store import Store, Version
from dropforge.settings import Promote


@dataclass(frozen=True)
class Standing:
    """A version as a comparison shows it.

    Parameters
    ----------
    version : str
        Its number.
    estimator, config : str
        The class path, and the file that asked for it.
    test, holdout : float, optional
        The pipeline's metric on the rows that all are tested with, and on those that decide.
    status, stage : str
        Of its validation, and in MLflow.
    champion : bool
        Whether it is.
    """

    version: str
    estimator: str
    config: str
    test: float | None
    holdout: float | None
    status: str
    stage: str
    champion: bool

    @property
    def name(self) -> str:
        """The class without its path."""
        return self.estimator.rpartition(".")[2]


def compared(
    versions: Iterable[Version], champion: Version | None, metric: str, test: Mapping[str, float] | None = None
) -> list[Standing]:
    """Return versions as a comparison shows them, in their order; ``test`` holds the values by run."""
    values, tag = test or {}, f"holdout_{metric}"
    return [
        Standing(
            version.version,
            version.tags.get("estimator", ""),
            version.tags.get("config_file", ""),
            values.get(version.run_id or ""),
            float(version.tags[tag]) if tag in version.tags else None,
            version.tags.get("validation_status", ""),
            version.stage,
            champion is not None and champion.version == version.version,
        )
        for version in versions
    ]


def leaders(store: Store, name: str, promote: Promote, count: int) -> list[Standing]:
    """Return the best versions by the metric on the test rows, best first, and the champion in any case.

    The value on the holdout rows decides who is champion; a version that was trained just now has none yet. However
    many versions there are, only so many runs are read.

    Parameters
    ----------
    store : Store
        MLflow.
    name : str
        The pipeline.
    promote : Promote
        Its rules.
    count : int
        How many, beside the champion.
    """
    champion = store.champion(name, promote).version
    metric = f"test_{promote.metric}"
    test = store.best_runs(name, metric, count)
    found = store.of_runs(name, test)
    if champion and champion.version not in {version.version for version in found}:
        found.append(champion)
        test |= {str(champion.run_id): value for key, value in store.metrics(champion).items() if key == metric}
    entries = compared(found, champion, promote.metric, test)
    return sorted(entries, key=lambda entry: (math.inf if entry.test is None else -entry.test, int(entry.version)))
