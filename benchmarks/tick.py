"""A promotion tick with one pending version, among few and among many registered ones.

The pending version wins each time, so that alias and stage move too. The many are written into MLflow's database by
MLflow's own tables: ten thousand calls over HTTP would take minutes.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag, SqlRegisteredModel
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import insert

from benchmarks.by_hand import train
from benchmarks.configs import config
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options
from dropforge.data import Rows, load
from dropforge.project import Project
from dropforge.promotion import promote, to_score, validate
from dropforge.promotion.validate import judged, result_tags
from dropforge.registry import Store
from dropforge.registry.measured import Measured
from dropforge.settings import Pipeline

SOURCE = "tick_source"


def run(options: Options) -> list[Figure]:
    """Return the seconds of a tick among each number of versions, those of many beside those of few."""
    project = Project(options.project.home)
    few, *many = options.size((10, 1_000, 10_000), (10, 100, 500))
    repetitions = options.repetitions(5, 2)
    settings = options.project.spec.pipeline("drop")
    rows, store = load(settings.data, project.home), Store.connect(project)
    for leaves in range(2, repetitions + 3):  # each better than the one before
        text = config("tree.DecisionTreeClassifier", max_leaf_nodes=leaves, random_state=0)
        train(f"leaves-{leaves}.json", text, replace(settings, name=SOURCE), rows, store)
    pipelines = {size: replace(settings, name=f"tick_{size}") for size in (few, *many)}
    for size, pipeline in pipelines.items():
        _fill(project, store, pipeline, rows, size - 1)
        options.say(f"{size} versions are registered")
        _tick(store, pipeline, rows, 1)  # warm, and the first champion
    found = alternate(
        repetitions,
        options.say,
        *(lambda number, p=pipeline: _tick(store, p, rows, number + 2) for pipeline in pipelines.values()),
    )
    values = dict(zip(pipelines, found, strict=True))
    tags = alternate(
        repetitions,
        options.say,
        *(lambda number, p=pipeline: _one_tag(store, p.name, number) for pipeline in pipelines.values()),
    )
    return [
        Figure(f"a tick among {few} versions", "s", values[few]),
        *(
            Figure(f"a tick among {size:,} versions", "s", values[size], f"among {few}", values[few], Aim("ratio", 1.3))
            for size in many
        ),
        *(
            Figure(f"of that MLflow's own: each change of a tag among {size:,} versions", "s", seconds)
            for size, seconds in zip(pipelines, tags, strict=True)
        ),
    ]


def _tick(store: Store, pipeline: Pipeline, rows: Rows, source: int) -> float:
    """Register a model once more, and return the seconds that the tick takes which makes it champion."""
    model = store.client.get_model_version(SOURCE, str(source))
    tags = {**model.tags, "validation_status": "pending", "decision": "pending"}
    made = store.client.create_model_version(
        pipeline.name,
        model.source,
        model.run_id,
        tags=tags,
        model_id=model.source.removeprefix("models:/"),
        await_creation_for=0,
    )
    began = time.perf_counter()
    for version in to_score(store, pipeline, rows):
        validate(store, pipeline, rows, version)
    decision = promote(store, pipeline, rows, None)
    seconds = time.perf_counter() - began
    if decision.champion != str(made.version):
        raise RuntimeError(f"version {made.version} should have won: {decision.verdict}")
    return seconds


def _one_tag(store: Store, name: str, number: int) -> float:
    """Return the seconds of one bare call to MLflow."""
    began = time.perf_counter()
    store.registry.set_model_version_tag(name, "1", "benchmark", str(number))
    return time.perf_counter() - began


def _fill(project: Project, store: Store, pipeline: Pipeline, rows: Rows, count: int) -> None:
    """Register ``count`` versions that were considered and not promoted."""
    model = store.client.get_model_version(SOURCE, "1")
    measured = Measured(rows.holdout_digest, pipeline.promote.metric, 0.05, (0.04, 0.06))
    tags = {
        **model.tags,
        **result_tags(pipeline.promote, rows, judged("1", measured, pipeline.promote)),
        "decision": "not promoted",
        "decision_reasons": "does not beat the champion's 0.1000",
    }
    location = store.client.get_model_version_download_uri(SOURCE, "1")
    common = {"name": pipeline.name, "source": model.source, "storage_location": location, "run_id": model.run_id}
    numbers = range(1, count + 1)
    with SqlAlchemyStore(project.mlflow_store).ManagedSessionMaker(read_only=False) as session:
        session.execute(insert(SqlRegisteredModel), [{"name": pipeline.name}])
        session.execute(insert(SqlModelVersion), [{**common, "version": number} for number in numbers])
        for key, value in tags.items():
            # A digest of its own for each, as every candidate has.
            own = key == "config_digest"
            session.execute(
                insert(SqlModelVersionTag),
                [
                    {"name": pipeline.name, "version": n, "key": key, "value": f"{n:032x}" if own else value}
                    for n in numbers
                ],
            )
