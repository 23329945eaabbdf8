"""Validate a version: load its registered artifact, measure it on the holdout rows, and judge it by the gates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.estimators import Allowed
from dropforge.promotion.answers import Answers, Score
from dropforge.promotion.bootstrap import interval
from dropforge.promotion.gates import Gate, check_slices, judge, measure_guards, measure_slices
from dropforge.registry import Store, Version
from dropforge.registry.measured import Measured, measured_of
from dropforge.registry.models import Loaded, load
from dropforge.settings import Pipeline, Promote

BEST = 5  # versions that are scored anew where holdout or metric changed
_LONGEST = 2000  # of a reason, in characters: a tag takes no more than some thousand
_ANOTHER_SPLIT = (
    "it was trained on another split of the rows, and may have learned from those that are holdout rows now: "
    "drop its config again"
)
_PASSED_OVER = ("rolled back", "rejected")


@dataclass(frozen=True)
class Validation:
    """What a version achieves on the holdout rows, and the reasons against it.

    Parameters
    ----------
    version : str
        Which one.
    value : float, optional
        The metric; None if it could not be measured.
    reasons : tuple of str
        What speaks against it: the gates that it failed.
    gates : tuple of Gate
        Every gate, with a line for each.
    interval : tuple of float, optional
        Between which values 95 % of the draws of the holdout rows lie.
    measured : Measured, optional
        All that was measured.
    """

    version: str
    value: float | None
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...] = field(default=(), compare=False)
    interval: tuple[float, float] | None = field(default=None, compare=False)
    measured: Measured | None = field(default=None, compare=False)

    @property
    def passed(self) -> bool:
        """Whether it may become the champion."""
        return not self.reasons


def pending(store: Store, pipeline: Pipeline) -> list[Version]:
    """Return the versions that were never validated, oldest first: by a search for their tag."""
    found = store.search(pipeline.name, {"validation_status": "pending"})
    return sorted(found, key=lambda version: version.number)


def outdated(store: Store, pipeline: Pipeline, rows: Rows, champion: Version | None) -> list[Version]:
    """Return the versions to score anew where holdout or metric changed: the five best passed ones; else none.

    Best by what the champion was scored by, as other scales cannot be compared. Those that were scored anew since come
    first: it stays with these five until the champion is scored anew as well. Who may have learned from holdout rows is
    not among them, and where the champion may have, there is nobody: it is not scored anew.
    """
    before = measured_of(champion) if champion else None
    if champion is None or before is None or before.same_scale(pipeline.promote, rows.holdout_digest):
        return []
    if not comparable(rows, champion):
        return []
    known: list[tuple[bool, float, int, Version]] = []
    for status in ("passed", "failed"):
        for version in store.search(pipeline.name, {"validation_status": status}):
            found = measured_of(version)
            if (
                found is None
                or found.value is None
                or version.version == champion.version
                or not comparable(rows, version)
                or version.tags.get("decision") in (*_PASSED_OVER, "pending")
            ):
                continue
            is_anew = found.same_scale(pipeline.promote, rows.holdout_digest)
            if is_anew or (status == "passed" and found.metric == before.metric):
                known.append((not is_anew, -found.value, version.number, version))
    return [version for *_, version in sorted(known, key=lambda one: one[:3])[:BEST]]


def comparable(rows: Rows, version: Version) -> bool:
    """Return whether a version learned from none of the holdout rows, as far as its tag tells: a score there counts."""
    return rows.parting.unseen_by(version.tags.get("split", ""))


def stand_in(store: Store, pipeline: Pipeline, rows: Rows, version: Version) -> Version | None:
    """Return the newest version of the same model and parameters that is comparable: what a version is today.

    Without one, who cannot be compared would be replaced by anybody, or by nobody for ever.
    """
    if model := version.tags.get("model_digest"):
        alike = store.search(pipeline.name, {"model_digest": model})
        return max((v for v in alike if comparable(rows, v)), key=lambda v: v.number, default=None)
    return None


def to_score(store: Store, pipeline: Pipeline, rows: Rows) -> list[Version]:
    """Return the versions that a tick scores before it decides; the champion is scored as it does."""
    champion = store.champion(pipeline.name, pipeline.promote).version
    return [*pending(store, pipeline), *outdated(store, pipeline, rows, champion)]


def validate(store: Store, pipeline: Pipeline, rows: Rows, version: Version) -> Validation:
    """Measure a version on the holdout rows and tag it with the result."""
    validation = measure(store, pipeline, rows, version)
    tags = result_tags(pipeline.promote, rows, validation)
    store.tag(version, {name: value for name, value in tags.items() if value or name in version.tags})
    return validation


def measure(store: Store, pipeline: Pipeline, rows: Rows, version: Version) -> Validation:
    """Measure a version on the holdout rows.

    A model that cannot be loaded, does not fit the data, predicts what no row has or may have learned from these rows
    is a reason against it; only the infrastructure's errors are raised, and mistakes in the settings.
    """
    check_slices(pipeline.promote, rows)
    if not comparable(rows, version):
        return judged(version.version, _nothing(pipeline.promote, rows, _ANOTHER_SPLIT), pipeline.promote)
    try:
        loaded = load(store, version, Allowed.of(pipeline.train).modules)
    except UserError as error:
        measured = _nothing(pipeline.promote, rows, error.problems[0].message)
    else:
        measured = _measured(loaded, pipeline.promote, rows)
    return judged(version.version, measured, pipeline.promote)


def judged(version: str, measured: Measured, settings: Promote) -> Validation:
    """Return what the gates say to what was measured."""
    gates = judge(measured, settings)
    reasons = tuple(gate.said for gate in gates if not gate.passed)
    return Validation(version, measured.value, reasons, gates, measured.interval, measured)


def answers_of(loaded: Loaded, rows: Rows) -> Answers:
    """Return a version's answers for the holdout rows."""
    return Answers(loaded.estimator, rows.part("holdout")[0])


def score_of(settings: Promote, rows: Rows) -> Score:
    """Return the metric on the holdout rows."""
    return Score(settings.metric, rows.part("holdout")[1].to_numpy())


def result_tags(settings: Promote, rows: Rows, validation: Validation) -> dict[str, str]:
    """Return the tags that record a validation on the version; the status comes last, when all else is there."""
    trouble = "; ".join(validation.reasons)
    measured = validation.measured or Measured(
        rows.holdout_digest, settings.metric, validation.value, trouble=trouble[:1000]
    )
    tags = measured.tag
    if validation.value is not None:
        tags[f"holdout_{settings.metric}"] = repr(validation.value)
    return tags | {
        "validation_reasons": trouble[:5000],  # empty, where an earlier failure left some
        "validation_status": "passed" if validation.passed else "failed",
    }


def from_tags(settings: Promote, rows: Rows, version: Version) -> Validation | None:
    """Return the validation that a version's tags record; None if it was on other rows, or of other things."""
    measured = measured_of(version)
    if measured is None or not measured.covers(settings, rows.holdout_digest):
        return None
    return judged(version.version, measured, settings)


def _measured(loaded: Loaded, settings: Promote, rows: Rows) -> Measured:
    score, answers = score_of(settings, rows), answers_of(loaded, rows)
    try:
        _check_sound(loaded, rows, answers)
        value = score(answers)
        if not math.isfinite(value):
            return _nothing(settings, rows, f"{settings.metric} is {value}")
        return Measured(
            rows.holdout_digest,
            settings.metric,
            value,
            interval(score, answers),
            measure_guards(settings, loaded, score, answers),
            measure_slices(settings.slices, rows, score, answers) if settings.slices else None,
        )
    except Exception as error:
        return _nothing(settings, rows, f"it cannot be scored: {type(error).__name__}: {error}")


def _check_sound(loaded: Loaded, rows: Rows, answers: Answers) -> None:
    # Through MLflow's own door first: the signature must fit the data as it is now.
    unknown = set(loaded.pyfunc.predict(answers.features)) - set(rows.classes)
    if unknown:
        raise ValueError(f"it predicts classes that no row has: {sorted(map(str, unknown))}")
    if hasattr(answers, "predict_proba") and not np.isfinite(np.asarray(answers.of("predict_proba"))).all():
        raise ValueError("its probabilities are not finite")


def _nothing(settings: Promote, rows: Rows, trouble: str) -> Measured:
    # MLflow shows the whole table before it says what is wrong with it.
    shown = trouble if len(trouble) <= _LONGEST else f"{trouble[: _LONGEST // 4]} ... {trouble[-_LONGEST // 2 :]}"
    return Measured(rows.holdout_digest, settings.metric, trouble=shown)
