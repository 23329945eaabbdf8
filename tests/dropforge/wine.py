"""The pipeline that the tests of training, registry, promotion and serving share, and its candidates."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from dropforge.configs import Candidate, read_candidates
from dropforge.data import Rows
from dropforge.estimators import Allowed
from dropforge.project import Project
from dropforge.registry import Store, Version
from dropforge.settings import Data, Host, Pipeline, Promote, Split, Train
from dropforge.training import Outcome, Trainer

WINE = Pipeline(
    name="wine",
    description="Which cultivar a wine comes from",
    data=Data("sklearn.datasets.load_wine", "target", None, Split(0.2, 0.2, 42)),
    train=Train("configs/wine", ("sklearn.*",), (), 120, 4096),
    promote=Promote("1m", "UTC", True, "f1_macro", 0.8, 0.0, "Production", "production"),
    host=Host(True),
)

STUMP = b"class: sklearn.tree.DecisionTreeClassifier\nparams: {max_depth: 1}\n"
TREE = b"class: sklearn.tree.DecisionTreeClassifier\nparams: {max_depth: 2}\n"
FOREST = b"class: sklearn.ensemble.RandomForestClassifier\nparams: {n_estimators: 5}\n"


def promoting(**changes: Any) -> Pipeline:
    """Return the pipeline with other settings of its promotion."""
    return replace(WINE, promote=replace(WINE.promote, **changes))


def candidate(config: bytes, file: str = "model.yaml") -> Candidate:
    """Return the one candidate of a config."""
    (found,) = read_candidates(config, file, Allowed(WINE.train.estimators))
    return found


def train_config(
    config: bytes, rows: Rows, project: Project, pipeline: Pipeline = WINE, file: str = "model.yaml"
) -> Outcome:
    """Train the one candidate of a config."""
    with Trainer(pipeline, rows, project) as trainer:
        return trainer.train(candidate(config, file), config)


def version_of(store: Store, number: int | str) -> Version:
    """Return a version that is there."""
    found = store.version("wine", str(number))
    assert found is not None
    return found


def register_copy(store: Store, of: int, folder: Path) -> tuple[Version, Path]:
    """Register a copy of a version's artifact as a new version; return it and the copy, to be damaged."""
    original = version_of(store, of)
    shutil.copytree(store.client.get_model_version_download_uri("wine", str(of)).removeprefix("file://"), folder)
    number = store.create_version("wine", folder.as_uri(), str(original.run_id), "", original.tags)
    return version_of(store, number), folder


def crown(store: Store, number: int) -> Version:
    """Make a version the champion."""
    version = version_of(store, number)
    store.set_alias(version, WINE.promote.alias)
    store.set_stage(version, WINE.promote.stage)
    store.tag(version, {"decision": "promoted"})
    return version_of(store, number)


def copy_project(database: Path, home: Path) -> Project:
    """Return a project with a copy of an MLflow store."""
    project = Project(home)
    project.state.mkdir(parents=True)
    shutil.copy(database, project.state / "mlflow.db")
    return project
