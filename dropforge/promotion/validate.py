"""Validate a version: load its registered artifact and score it on the holdout rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.estimators import Allowed
from dropforge.registry import Store, Version
from dropforge.registry.models import Loaded, load
from dropforge.settings import Pipeline, Promote


@dataclass(frozen=True)
class Validation:
    """What a version achieves on the holdout rows, and the reasons against it."""

    version: str
    value: float | None
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it may become the champion."""
        return not self.reasons


def pending(store: Store, pipeline: Pipeline) -> list[Version]:
    """Return the versions that were never validated, oldest first: by a search for their tag."""
    found = store.search(pipeline.name, {"validation_status": "pending"})
    return sorted(found, key=lambda version: version.number)


def validate(store: Store, pipeline: Pipeline, rows: Rows, version: Version) -> Validation:
    """Score a version on the holdout rows and tag it with the result."""
    validation = measure(store, pipeline, rows, version)
    tags = result_tags(pipeline.promote, rows, validation)
    store.tag(version, {name: value for name, value in tags.items() if value or name in version.tags})
    return validation


def measure(store: Store, pipeline: Pipeline, rows: Rows, version: Version) -> Validation:
    """Score a version on the holdout rows.

    A model that cannot be loaded, does not fit the data or predicts what no row has is a reason against it; only
    the infrastructure's errors are raised.
    """
    settings = pipeline.promote
    try:
        loaded = load(store, version, Allowed.of(pipeline.train).modules)
    except UserError as error:
        return Validation(version.version, None, (error.problems[0].message,))
    try:
        value = _score(loaded, settings.metric, rows)
    except Exception as error:
        return Validation(version.version, None, (f"it cannot be scored: {type(error).__name__}: {error}",))
    if not math.isfinite(value):
        return Validation(version.version, None, (f"{settings.metric} is {value}",))
    return _judged(version, value, settings)


def _judged(version: Version, value: float, settings: Promote) -> Validation:
    """Return the validation of a version with a value: whether it suffices."""
    if settings.minimum is not None and value < settings.minimum:
        reason = f"{settings.metric} is {value:.4f}, below the minimum {settings.minimum:g}"
        return Validation(version.version, value, (reason,))
    return Validation(version.version, value, ())


def _score(loaded: Loaded, metric: str, rows: Rows) -> float:
    from sklearn.metrics import get_scorer

    features, target = rows.part("holdout")
    # Through MLflow's own door first: the signature must fit the data as it is now.
    unknown = set(loaded.pyfunc.predict(features)) - set(rows.classes)
    if unknown:
        raise ValueError(f"it predicts classes that no row has: {sorted(map(str, unknown))}")
    return float(get_scorer(metric)(loaded.estimator, features, target))


def result_tags(settings: Promote, rows: Rows, validation: Validation) -> dict[str, str]:
    """Return the tags that record a validation on the version."""
    tags = {
        "validation_status": "passed" if validation.passed else "failed",
        "validation_reasons": "; ".join(validation.reasons)[:5000],  # empty, where an earlier failure left some
        "holdout_digest": rows.holdout_digest,
    }
    if validation.value is not None:
        tags[f"holdout_{settings.metric}"] = repr(validation.value)
    return tags


def from_tags(settings: Promote, rows: Rows, version: Version) -> Validation | None:
    """Return the validation that a version's tags record, or None if it was on other rows or by another metric."""
    value = version.tags.get(f"holdout_{settings.metric}")
    if version.tags.get("holdout_digest") != rows.holdout_digest:
        return None
    if value is not None:
        return _judged(version, float(value), settings)
    if version.tags.get("validation_status") != "failed":
        return None
    return Validation(version.version, None, (version.tags.get("validation_reasons") or "it failed",))
