"""Log a trained candidate in one MLflow run, and register it as a version.

The calls are MLflow's client's, each made once: ``mlflow.sklearn.log_model`` would ask for the run three times, load
the model back to try its example (validation does that on the registered artifact) and look at every row for types.
The model itself is written before the run begins: what cannot be stored leaves no trace in MLflow. All else is written,
worked out and drawn while MLflow answers.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
)
from mlflow.models import ModelSignature
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.validation import MAX_DATASET_SCHEMA_SIZE

from dropforge.configs import Candidate, digest, model_digest
from dropforge.data import Rows
from dropforge.documents import printable, to_yaml
from dropforge.estimators import Allowed, plain
from dropforge.registry import Store
from dropforge.settings import Pipeline
from dropforge.training.again import write_origin
from dropforge.training.artifact import write_artifact, write_model
from dropforge.training.card import card
from dropforge.training.charts import draw_confusion, draw_importances
from dropforge.training.evaluate import Evaluation
from dropforge.training.explain import Explanation, explain
from dropforge.training.figures import draw_curves
from dropforge.training.fit import Fitted
from dropforge.training.prepare import Prepared

logger = logging.getLogger(__name__)

_PARAMS_A_CALL = 100  # MLflow's limit
_PARAM_LENGTH = 6000  # MLflow's limit
_NAME_LENGTH = 250  # MLflow's limit
_ASIDE = 6  # threads: calls to MLflow that have nothing to do with each other, and what is written and drawn meanwhile
_RUN_TAGS = ("estimator", "config_file", "config_digest", "data_digest")


@dataclass(frozen=True)
class Origin:
    """Where a version comes from.

    Parameters
    ----------
    candidate : Candidate
        What was trained.
    tags : dict
        The version's tags.
    config : bytes
        The config as it was dropped.
    prepared : Prepared
        What goes before the model.
    links : dict
        More tags of the run: where to look on.
    """

    candidate: Candidate
    tags: dict[str, str]
    config: bytes
    prepared: Prepared
    links: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, candidate: Candidate, config: bytes, pipeline: Pipeline, rows: Rows, prepared: Prepared, drop: str = ""
    ) -> Origin:
        """Return where a version of a candidate comes from, with the tags that it begins with."""
        tags = {
            "estimator": candidate.estimator.path,
            "config_file": candidate.config_file,
            "config_digest": digest(candidate, rows.digest, pipeline.data.split, prepared.digested),
            "data_digest": rows.digest,
            "model_digest": model_digest(candidate),
            "split": rows.parting.tag,
            "validation_status": "pending",
            "decision": "pending",
            "drop": drop,
        }
        return cls(candidate, tags, config, prepared)


@dataclass(frozen=True)
class Logged:
    """A new version's number, and the ids of its run and experiment in MLflow."""

    version: str
    run_id: str
    experiment_id: str


def log(store: Store, pipeline: Pipeline, origin: Origin, rows: Rows, fitted: Fitted, evaluation: Evaluation) -> Logged:
    """Log everything that is known of a trained candidate, and register it.

    Returns
    -------
    Logged
        The new version.

    Raises
    ------
    UserError
        If the fitted model cannot be stored, or holds a type that our own list does not trust.
    """
    summary = _summary(pipeline, origin, rows, evaluation)
    params = _params(origin.prepared, fitted.estimator)
    name = origin.candidate.label[:_NAME_LENGTH]

    def log_values(run_id: str, model_id: str) -> None:
        of = (run_id, model_id, (pipeline.name, rows.digest))
        _log_values(store, run_id, params, list(_metrics(fitted, evaluation, explained.result(), *of)))

    with tempfile.TemporaryDirectory(prefix="dropforge-") as folder, ThreadPoolExecutor(_ASIDE) as aside:
        # The first, as others that are submitted wait for it.
        explained = aside.submit(_explanation, pipeline, origin, rows, fitted, evaluation)
        place, candidate, columns = Path(folder, "model"), origin.candidate, list(origin.prepared.columns)
        types = write_model(place, fitted.estimator, candidate, Allowed.of(pipeline.train).modules)
        written = aside.submit(write_artifact, place, types, fitted.estimator, candidate, rows, columns)
        files = aside.submit(_write_files, Path(folder, "run"), pipeline, origin, rows, fitted, evaluation, explained)
        with store.run(pipeline.name, origin.tags["config_digest"], _tags(origin, summary), name) as run:
            run_id = run.info.run_id
            model = store.client.create_logged_model(run.info.experiment_id, "model", run_id, params=params)
            told = [
                aside.submit(log_values, run_id, model.model_id),
                aside.submit(store.client.log_outputs, run_id, [LoggedModelOutput(model.model_id, step=0)]),
            ]
            artifact = written.result()
            dataset = _dataset(rows, artifact.signature, pipeline.name)
            told.append(aside.submit(store.client.log_inputs, run_id, [dataset]))
            artifact.belongs_to(model, run_id)
            get_artifact_repository(model.artifact_location).log_artifacts(str(artifact.folder))
            told.append(aside.submit(store.client.finalize_logged_model, model.model_id, LoggedModelStatus.READY))
            about = summary
            if pipeline.train.log == "full":
                about = card(
                    pipeline,
                    origin.candidate,
                    origin.prepared,
                    rows,
                    evaluation,
                    explained.result(),
                    fitted.warnings,
                    artifact.example,
                    summary,
                )
            files.result()
            get_artifact_repository(run.info.artifact_uri).log_artifacts(str(Path(folder, "run")))
            for call in told:
                call.result()
            version = store.create_version(
                pipeline.name, model.model_uri, run_id, model.model_id, origin.tags, about, pipeline.description
            )
        return Logged(version, run_id, run.info.experiment_id)


def _tags(origin: Origin, summary: str) -> dict[str, str]:
    tags = {name: origin.tags[name] for name in _RUN_TAGS}
    tags |= origin.links
    tags |= {"mlflow.note.content": summary, "mlflow.source.name": "dropforge", "mlflow.source.type": "JOB"}
    with contextlib.suppress(KeyError, OSError):  # a user's number may have no name
        tags["mlflow.user"] = getpass.getuser()
    return tags


def _summary(pipeline: Pipeline, origin: Origin, rows: Rows, evaluation: Evaluation) -> str:
    """Return what a newcomer to MLflow's pages wants to know first."""
    metric = pipeline.promote.metric
    estimator = origin.candidate.estimator.name
    return (
        f"{metric} {evaluation.metrics[f'test_{metric}']:.4f} on {rows.count('test')} test rows: {estimator} from "
        f"`{origin.candidate.config_file}`, fitted on {rows.count('train')} rows of `{rows.source}`"
    )


def _params(prepared: Prepared, estimator: Any) -> dict[str, str]:
    """Return the parameters as the config's author knows them, and what goes before the model in words."""
    shown = {}
    if prepared.before:
        estimator = estimator.named_steps["model"]
        shown["preprocessing"] = "; ".join(prepared.about)[:_PARAM_LENGTH]
    for name, value in sorted(estimator.get_params(deep=True).items()):
        text = type(value).__name__ if hasattr(value, "get_params") else repr(value)
        # A step's name may hold anything; MLflow's names hold less, and it reads them as paths.
        key = re.sub(r"[^A-Za-z0-9_. -]|^\.", "_", name)[:_NAME_LENGTH]
        shown[key] = text if len(text) <= _PARAM_LENGTH else f"{text[: _PARAM_LENGTH - 3]}..."
    return shown


def _metrics(
    fitted: Fitted,
    evaluation: Evaluation,
    explanation: Explanation,
    run_id: str,
    model_id: str,
    data: tuple[str, str],
) -> Iterator[Metric]:
    now = int(time.time() * 1000)
    values = evaluation.metrics | {"fit_seconds": fitted.seconds, "fit_warnings": float(len(fitted.warnings))}
    for name, scores in evaluation.folds.items():
        values |= {f"{name}_mean": float(np.mean(scores)), f"{name}_std": float(np.std(scores))}
    for name, value in {**values, **explanation.by_class}.items():
        of_data = {"dataset_name": data[0], "dataset_digest": data[1]} if "test_" in name else {}
        # The model's id shows the metrics on the model's own page too.
        yield Metric(name, value, now, 0, model_id=model_id, run_id=run_id, **of_data)
    steps = {name: list(enumerate(scores, 1)) for name, scores in evaluation.folds.items()}
    for name, process in {**steps, **explanation.steps}.items():
        for step, value in process:
            yield Metric(name, value, now, step)


def _log_values(store: Store, run_id: str, params: dict[str, str], metrics: list[Metric]) -> None:
    found = [Param(name, text) for name, text in params.items()]
    store.client.log_batch(run_id, metrics=metrics, params=found[:_PARAMS_A_CALL])
    for start in range(_PARAMS_A_CALL, len(found), _PARAMS_A_CALL):
        store.client.log_batch(run_id, params=found[start : start + _PARAMS_A_CALL])


def _dataset(rows: Rows, signature: ModelSignature, name: str) -> DatasetInput:
    """Return the training rows as MLflow shows them; `mlflow.data.from_pandas` would look at every value."""
    features, _ = rows.part("train")
    schema = json.dumps({"mlflow_colspec": signature.inputs.to_dict()})
    dataset = Dataset(
        name=name,
        digest=rows.digest,
        source_type="code",
        source=json.dumps({"tags": {"source": rows.source}}),
        schema=schema if len(schema) <= MAX_DATASET_SCHEMA_SIZE else None,  # the model has it all the same
        profile=json.dumps({"num_rows": len(features), "num_elements": int(features.size)}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _explanation(pipeline: Pipeline, origin: Origin, rows: Rows, fitted: Fitted, evaluation: Evaluation) -> Explanation:
    if pipeline.train.log == "minimal":
        return Explanation()
    return explain(fitted.estimator, origin.prepared, rows, evaluation)


def _write_files(
    folder: Path,
    pipeline: Pipeline,
    origin: Origin,
    rows: Rows,
    fitted: Fitted,
    evaluation: Evaluation,
    explained: Future[Explanation],
) -> None:
    """Write the files of a run."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / origin.candidate.config_file).write_bytes(origin.config)
    write_origin(folder, pipeline, origin.candidate)
    (folder / "classification_report.txt").write_text(evaluation.report)
    if origin.prepared.before:
        about = "".join(f"# {printable(line)}\n" for line in origin.prepared.about)
        (folder / "preprocessing.yaml").write_text(f"{about}{to_yaml(plain(origin.prepared.before))}")
    if fitted.warnings:
        (folder / "warnings.txt").write_text("\n".join(fitted.warnings) + "\n")
    if pipeline.train.log == "minimal":
        return
    explanation = explained.result()
    _, target = rows.part("test")
    with _drawn("confusion matrix"):
        draw_confusion(target, evaluation.predicted, rows.classes, folder / "confusion_matrix.png")
    if explanation.curves:
        with _drawn("curves"):
            draw_curves(explanation.curves, folder / "curves.png")
    if explanation.importances:
        with _drawn("importances"):
            draw_importances(explanation.importances, explanation.means, folder / "importances.png")
        (folder / "importances.json").write_text(json.dumps(explanation.importances, indent=1))
    if explanation.search is not None:
        explanation.search.to_csv(folder / "search.csv", index=False)


@contextlib.contextmanager
def _drawn(what: str) -> Iterator[None]:
    """Let a candidate be a version although a picture of it cannot be drawn."""
    try:
        yield
    except OSError:
        raise
    except Exception:
        logger.warning("the %s cannot be drawn", what, exc_info=True)
