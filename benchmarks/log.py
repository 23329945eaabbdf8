"""Log and register one fitted candidate, against MLflow's `log_model` with default arguments."""

from __future__ import annotations

import time
from dataclasses import replace

import mlflow

from benchmarks.configs import five
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options
from dropforge.configs import digest, read_candidates
from dropforge.data import load
from dropforge.estimators import Allowed, build
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.training.evaluate import evaluate
from dropforge.training.fit import fit
from dropforge.training.log import Origin, log
from dropforge.training.prepare import prepare


def run(options: Options) -> list[Figure]:
    """Return the seconds that one call takes, beside the default's. Ours logs much that the default does not."""
    project = options.project
    settings = replace(project.spec.pipeline("five"), name="log")
    rows = load(settings.data, project.home)
    store = Store.connect(Project(project.home))
    file, text = next(iter(five(0).items()))
    (candidate,) = read_candidates(text.encode(), file, Allowed())
    prepared = prepare(candidate.estimator, settings.data, rows)
    fitted = fit(build(prepared.tree), rows, file)
    evaluation = evaluate(fitted.estimator, rows, settings.promote.metric, file)
    tags = {
        "estimator": candidate.estimator.path,
        "config_file": file,
        "config_digest": digest(candidate, rows.digest, settings.data.split, prepared.digested),
        "data_digest": rows.digest,
        "validation_status": "pending",
    }

    def ours(_: int) -> float:
        began = time.perf_counter()
        log(store, settings, Origin(candidate, tags, text.encode(), prepared), rows, fitted, evaluation)
        return time.perf_counter() - began

    def default(_: int) -> float:
        began = time.perf_counter()
        with mlflow.start_run(experiment_id=experiment):
            mlflow.sklearn.log_model(fitted.estimator, name="model", registered_model_name="log_by_hand")
        return time.perf_counter() - began

    experiment = store.experiment("log_by_hand")
    ours(0)  # warm
    default(0)
    values, theirs = alternate(options.repetitions(5, 2), options.say, ours, default)
    return [Figure("log and register one candidate", "s", values, "log_model(...)", theirs, Aim("ratio", 1 / 20))]
