"""Log a trained candidate in one MLflow run, and register it as a version."""

from __future__ import annotations

import importlib.metadata
import logging
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Metric, Param
from mlflow.models import infer_signature

from dropforge.configs import Candidate
from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.estimators.registry import trusted_types
from dropforge.registry import Store
from dropforge.settings import Pipeline
from dropforge.training.evaluate import Evaluation
from dropforge.training.fit import Fitted

# We pin what a model needs; that pip itself has no version in an environment made without it is no news.
logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)

_PARAMS_A_CALL = 100  # MLflow's limit
_PARAM_LENGTH = 6000  # MLflow's limit
_NAME_LENGTH = 250  # MLflow's limit
_EXAMPLE_ROWS = 3
_RUN_TAGS = ("estimator", "config_file", "config_digest", "data_digest")
_PINNED = ("scikit-learn", "skops", "numpy", "scipy", "pandas", "mlflow")


@dataclass(frozen=True)
class Origin:
    """Where a version comes from: its candidate, its tags, and the config as it was dropped."""

    candidate: Candidate
    tags: dict[str, str]
    config: bytes


def log(store: Store, pipeline: Pipeline, origin: Origin, rows: Rows, fitted: Fitted, evaluation: Evaluation) -> str:
    """Log everything that is known of a trained candidate, and register it.

    Returns
    -------
    str
        The new version's number.

    Raises
    ------
    UserError
        If the fitted model holds a type that our own list does not trust; nothing is logged then.
    """
    features, target = rows.part("train")
    # MLflow advises to declare whole numbers as floats, lest a value be missing one day; preprocessing is for that.
    warnings.filterwarnings("ignore", message="(?s).*integer column", category=UserWarning)
    summary = _summary(pipeline, origin, rows, evaluation)
    types = _types_in(fitted.estimator, origin.candidate.config_file)
    with mlflow.start_run(
        experiment_id=store.experiment(pipeline.name),
        run_name=origin.candidate.label[:_NAME_LENGTH],
        tags={name: origin.tags[name] for name in _RUN_TAGS} | {"mlflow.source.name": "dropforge"},
        description=summary,
        log_system_metrics=False,
    ) as run:
        run_id = run.info.run_id
        params = list(_params(fitted.estimator))
        for start in range(0, len(params), _PARAMS_A_CALL):
            store.client.log_batch(run_id, params=params[start : start + _PARAMS_A_CALL])
        mlflow.log_input(_dataset(rows, features, target, pipeline.name), context="training")
        example = features.head(_EXAMPLE_ROWS)
        info = mlflow.sklearn.log_model(
            fitted.estimator,
            name="model",
            serialization_format="skops",
            skops_trusted_types=sorted(types),
            signature=infer_signature(features, fitted.estimator.predict(example)),
            input_example=example,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _PINNED],
        )
        store.client.log_batch(run_id, metrics=list(_metrics(fitted, evaluation, run_id, info.model_id)))
        with tempfile.TemporaryDirectory() as folder:
            _write_files(Path(folder), origin, rows, fitted, evaluation)
            mlflow.log_artifacts(folder)
        return store.create_version(pipeline.name, info.model_uri, run_id, info.model_id, origin.tags, summary)


def _summary(pipeline: Pipeline, origin: Origin, rows: Rows, evaluation: Evaluation) -> str:
    """Return what a newcomer to MLflow's pages wants to know first."""
    metric = pipeline.promote.metric
    estimator = origin.candidate.estimator.path.rpartition(".")[2]
    counts = {part: rows.count(part) for part in ("train", "test")}
    return (
        f"{metric} {evaluation.metrics[f'test_{metric}']:.4f} on {counts['test']} test rows: {estimator} from "
        f"`{origin.candidate.config_file}`, fitted on {counts['train']} rows of `{rows.source}`"
    )


def _params(estimator: Any) -> Iterator[Param]:
    shown = {}
    for name, value in sorted(estimator.get_params(deep=True).items()):
        text = type(value).__name__ if hasattr(value, "get_params") else repr(value)
        # A step's name may hold anything; MLflow's names hold less.
        shown[re.sub(r"[^A-Za-z0-9_./ -]", "_", name)[:_NAME_LENGTH]] = text
    for name, text in shown.items():
        yield Param(name, text if len(text) <= _PARAM_LENGTH else f"{text[: _PARAM_LENGTH - 3]}...")


def _metrics(fitted: Fitted, evaluation: Evaluation, run_id: str, model_id: str) -> Iterator[Metric]:
    now = int(time.time() * 1000)
    values = evaluation.metrics | {"fit_seconds": fitted.seconds, "fit_warnings": float(len(fitted.warnings))}
    for name, value in values.items():
        # The model's id shows the metrics on the model's own page too.
        yield Metric(name, value, now, 0, model_id=model_id, run_id=run_id)


def _dataset(rows: Rows, features: pd.DataFrame, target: pd.Series, name: str) -> Any:
    frame = features.assign(**{str(target.name): target})
    source = CodeDatasetSource({"source": rows.source})
    # MLflow allows 36 characters for a data set's digest.
    return mlflow.data.from_pandas(frame, source=source, targets=str(target.name), name=name, digest=rows.digest)


def _types_in(estimator: Any, file: str) -> set[str]:
    import skops.io

    untrusted = set(skops.io.get_untrusted_types(data=skops.io.dumps(estimator)))
    if foreign := untrusted - trusted_types():
        names = ", ".join(sorted(foreign))
        message = f"the fitted model holds what could not be loaded back safely: {names}"
        raise UserError(Problem(message, "Choose another estimator or other parameters.", file))
    return untrusted


def _write_files(folder: Path, origin: Origin, rows: Rows, fitted: Fitted, evaluation: Evaluation) -> None:
    (folder / "config").mkdir()
    (folder / "config" / origin.candidate.config_file).write_bytes(origin.config)
    (folder / "classification_report.txt").write_text(evaluation.report)
    if fitted.warnings:
        (folder / "warnings.txt").write_text("\n".join(fitted.warnings) + "\n")
    _plot_confusion(rows, evaluation).savefig(folder / "confusion_matrix.png", dpi=120)


def _plot_confusion(rows: Rows, evaluation: Evaluation) -> Any:
    # The object interface of matplotlib: no global state, no backend with windows.
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    size = min(4.0 + 0.35 * len(rows.classes), 14.0)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    _, target = rows.part("test")
    ConfusionMatrixDisplay.from_predictions(
        target, evaluation.predicted, ax=axes, cmap="Blues", labels=rows.classes, xticks_rotation="vertical"
    )
    correct = evaluation.metrics["test_accuracy"]
    axes.set_title(f"Test rows: {correct:.1%} of {len(target)} right")
    return figure
