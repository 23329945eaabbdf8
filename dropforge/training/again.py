"""Train a version again, from what its run in MLflow holds: to see that it is the same, or on new data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import mlflow
import numpy as np
from mlflow.exceptions import MlflowException

from dropforge.configs import Candidate, digest, from_plain, model_digest
from dropforge.data import load as load_rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import Allowed, build
from dropforge.project import Project
from dropforge.registry import Store, Version
from dropforge.registry.models import load as load_version
from dropforge.settings import Pipeline, decode, encode
from dropforge.training.apart import StoppedError, apart, time_limit
from dropforge.training.evaluate import evaluate
from dropforge.training.fit import fit
from dropforge.training.outcome import Outcome, why_stopped
from dropforge.training.prepare import prepare
from dropforge.training.threads import limit_threads

_FOLDER = "made_from"
_TOLERANCE = 1e-9  # sums in another order


@dataclass(frozen=True)
class Recipe:
    """What a version was trained from: its candidate, the config as it was dropped, and the settings of then."""

    candidate: Candidate
    config: bytes
    pipeline: Pipeline


@dataclass(frozen=True)
class Reproduction:
    """What came of training a version again.

    Parameters
    ----------
    version : str
        The version.
    differences : tuple of str
        What is not as it was; empty if it is the same.
    metrics : dict
        Of the new model, on the test rows.
    compared : int
        Rows on which both predict.
    """

    version: str
    differences: tuple[str, ...]
    metrics: dict[str, float]
    compared: int

    @property
    def same(self) -> bool:
        """Whether it is the same in digest, metrics and predictions."""
        return not self.differences


def write_origin(folder: Path, pipeline: Pipeline, candidate: Candidate) -> None:
    """Write what a version can be trained from again into the folder of its run's files."""
    (folder / _FOLDER).mkdir(parents=True)
    (folder / _FOLDER / "candidate.json").write_text(json.dumps(candidate.to_plain(), indent=1))
    (folder / _FOLDER / "settings.json").write_text(encode(pipeline))


def recipe_of(store: Store, version: Version, today: Pipeline | None = None) -> Recipe:
    """Return what a version was trained from.

    Parameters
    ----------
    store : Store
        MLflow.
    version : Version
        The version.
    today : Pipeline, optional
        Whose allow-list counts; that of then by default.

    Raises
    ------
    UserError
        If its run does not hold that any more, or the allow-list does not admit it.
    """
    with tempfile.TemporaryDirectory(prefix="dropforge-") as folder:
        try:
            place = Path(_fetched(store, version, _FOLDER, folder))
            settings = decode((place / "settings.json").read_text())
            plain: dict[str, Any] = json.loads((place / "candidate.json").read_text())
            config = Path(_fetched(store, version, f"config/{plain['file']}", folder)).read_bytes()
        except (MlflowException, OSError, KeyError, ValueError) as error:
            message = f"the run of version {version.version} does not hold what it was made from: {error}"
            raise UserError(Problem(message, "Drop its config again instead.")) from error
    return Recipe(from_plain(plain, Allowed.of((today or settings).train)), config, settings)


def _fetched(store: Store, version: Version, path: str, folder: str) -> str:
    if not version.run_id:
        raise OSError("it has no run")
    return str(
        mlflow.artifacts.download_artifacts(
            run_id=version.run_id, artifact_path=path, dst_path=folder, tracking_uri=store.uri
        )
    )


def reproduce(store: Store, project: Project, version: Version) -> Reproduction:
    """Train a version again, by the settings of then, and compare; nothing is logged.

    Parameters
    ----------
    store : Store
        MLflow.
    project : Project
        Where the data lie.
    version : Version
        What is trained again.

    Raises
    ------
    UserError
        If it cannot be trained, or not within the limits of then.
    """
    recipe = recipe_of(store, version)
    pipeline, candidate = recipe.pipeline, recipe.candidate
    rows = load_rows(pipeline.data, project.home)
    prepared = prepare(candidate.estimator, pipeline.data, rows)
    before = load_version(store, version, Allowed.of(pipeline.train).modules)
    recorded = store.metrics(version)

    def compared() -> tuple[dict[str, float], int, int]:
        estimator = build(prepared.tree, pipeline.data.split.seed)
        with time_limit(pipeline.train.timeout_seconds), limit_threads(estimator, joblib.cpu_count()):
            fitted = fit(estimator, rows, candidate.config_file)
            metrics = evaluate(fitted.estimator, rows, pipeline.promote.metric, candidate.config_file).metrics
        try:
            old = np.ravel(before.estimator.predict(rows.features))
        except Exception:  # columns are gone, or hold something else
            return metrics, len(rows.target), len(rows.target)
        new = np.ravel(fitted.estimator.predict(rows.features))
        return metrics, int(np.sum(old != new)), len(new)

    try:
        metrics, others, count = apart(compared, pipeline.train.memory_mb)
    except StoppedError as error:
        remedy = f"Version {version.version} was trained once: try again while this machine has less to do."
        raise UserError(replace(why_stopped(error, pipeline, candidate.config_file), remedy=remedy)) from error
    key = digest(candidate, rows.digest, pipeline.data.split, prepared.digested)
    differences = []
    if rows.digest != version.tags.get("data_digest"):
        differences.append("the data are other ones than then")
    elif key != version.tags.get("config_digest"):
        differences.append("its digest is another: scikit-learn or the preprocessing changed since")
    differences += [
        f"{name} was {recorded[name]:.6f}, and is {value:.6f}"
        for name, value in metrics.items()
        if name in recorded and not np.isclose(value, recorded[name], rtol=_TOLERANCE, atol=_TOLERANCE)
    ]
    if others:
        differences.append(f"{others} of {count} predictions are others")
    return Reproduction(version.version, tuple(differences), metrics, count)


def worth_training(store: Store, pipeline: Pipeline, count: int) -> Sequence[Version]:
    """Return the champion, and the best other versions, one of each config.

    Parameters
    ----------
    store : Store
        MLflow.
    pipeline : Pipeline
        The settings.
    count : int
        How many beside the champion.
    """
    tag = f"holdout_{pipeline.promote.metric}"
    scored = [version for version in store.search(pipeline.name, {}) if tag in version.tags]
    scored.sort(key=lambda version: (-float(version.tags[tag]), version.number))
    champion = store.champion(pipeline.name, pipeline.promote).version
    found = [champion] if champion else []
    seen = {version.tags.get("config_digest") for version in found}
    for version in scored:
        if len(found) - bool(champion) >= count:
            break
        if version.tags.get("config_digest") not in seen:
            seen.add(version.tags.get("config_digest"))
            found.append(version)
    return found


def to_train_again(store: Store, pipeline: Pipeline, versions: Sequence[Version]) -> tuple[list[Recipe], list[Outcome]]:
    """Return what to train again, and as failed outcomes the versions that cannot be.

    Each candidate is trained once, by today's settings, and not forced.
    """
    found: dict[str, Recipe] = {}
    failures = []
    for version in versions:
        try:
            recipe = recipe_of(store, version, pipeline)
        except UserError as error:
            label = f"version {version.version}"
            message = f"{label} cannot be trained again: {error}"
            failures.append(Outcome("failed", label, version.tags.get("estimator", ""), error=message))
            continue
        found.setdefault(
            model_digest(recipe.candidate), replace(recipe, candidate=replace(recipe.candidate, force=False))
        )
    return list(found.values()), failures
