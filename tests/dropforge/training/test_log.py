"""What is known of a trained candidate afterwards, read back from MLflow."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
from matplotlib import image
from mlflow.entities import Run
from mlflow.models import Model
from sklearn.metrics import classification_report, log_loss, matthews_corrcoef, roc_auc_score

from dropforge.configs import digest
from dropforge.data import Rows
from dropforge.project import Project
from dropforge.registry import Store, Version
from dropforge.registry.models import load
from dropforge.training import Outcome
from tests.dropforge.wine import WINE, candidate, copy_project, promoting, train_config

# The comment, the line ends and the missing last one are kept for the record as they were dropped.
CONFIG = b"""# a first try, not converged\r
name: quick
class: sklearn.pipeline.Pipeline
params:
  steps:
    - [scale, {class: sklearn.preprocessing.StandardScaler}]
    - [model, {class: sklearn.linear_model.LogisticRegression, params: {max_iter: 1, C: 0.5}}]"""


@dataclass(frozen=True)
class Trained:
    """A trained candidate, its version and its run."""

    outcome: Outcome
    store: Store
    version: Version
    run: Run

    @property
    def folder(self) -> Path:
        """The registered artifact."""
        uri = self.store.client.get_model_version_download_uri(self.version.name, self.version.version)
        return Path(mlflow.artifacts.download_artifacts(uri))

    def file(self, name: str) -> Path:
        """A file of the run."""
        return Path(
            mlflow.artifacts.download_artifacts(
                run_id=self.run.info.run_id, artifact_path=name, tracking_uri=self.store.uri
            )
        )


@pytest.fixture(scope="module")
def trained(migrated: Path, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    project = copy_project(migrated, tmp_path_factory.mktemp("trained"))
    outcome = train_config(CONFIG, rows, project, promoting(metric="matthews_corrcoef"), "quick.yaml")
    assert outcome.status == "trained", outcome.error
    store = Store.connect(project)
    version = store.version("wine", outcome.version or "")
    assert version is not None
    return Trained(outcome, store, version, store.client.get_run(version.run_id))


def test_version_carries_the_tags_of_its_origin(trained: Trained, rows: Rows) -> None:
    expected = {
        "estimator": "sklearn.pipeline.Pipeline",
        "config_file": "quick.yaml",
        "config_digest": digest(candidate(CONFIG), rows.digest, WINE.data.split),
        "data_digest": rows.digest,
    }
    assert expected.items() <= trained.run.data.tags.items()
    assert (expected | {"validation_status": "pending"}).items() <= dict(trained.version.tags).items()
    # What changes with time stands on the version alone: nobody would correct it on the run.
    assert "validation_status" not in trained.run.data.tags


def test_run_and_version_say_in_a_sentence_what_was_trained_and_how_well(trained: Trained) -> None:
    sentence = trained.run.data.tags["mlflow.note.content"]
    assert sentence.startswith(f"matthews_corrcoef {trained.outcome.metrics['test_matthews_corrcoef']:.4f} on ")
    assert "Pipeline from `quick.yaml`" in sentence
    assert trained.store.client.get_model_version("wine", trained.version.version).description.startswith(sentence)


def test_tags_are_given_when_the_version_is_created_and_not_after(
    project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object) -> None:
        raise AssertionError("a tag is set after the version was created")

    monkeypatch.setattr("mlflow.MlflowClient.set_model_version_tag", too_late)
    outcome = train_config(CONFIG, rows, project)
    assert outcome.status == "trained"
    version = Store.connect(project).version("wine", "1")
    assert version is not None
    assert version.tags["validation_status"] == "pending"


def test_artifact_is_what_mlflow_itself_would_write(trained: Trained, tmp_path: Path) -> None:
    ours, place = Model.load(str(trained.folder)), tmp_path / "theirs"
    mlflow.sklearn.save_model(
        load(trained.store, trained.version).estimator,
        str(place),
        serialization_format="skops",
        skops_trusted_types=ours.flavors["sklearn"]["skops_trusted_types"],
        signature=ours.signature,
        input_example=ours.load_input_example(str(trained.folder)),
        pip_requirements=(trained.folder / "requirements.txt").read_text().splitlines(),
    )
    theirs = Model.load(str(place))

    def known(found: Model) -> dict[str, object]:
        """Return what does not depend on when and where it was written."""
        said = found.to_dict()
        for name in ("artifact_path", "model_id", "model_size_bytes", "model_uuid", "run_id", "utc_time_created"):
            said.pop(name, None)
        said["flavors"]["python_function"].pop("code", None)  # None
        return said

    assert known(ours) == known(theirs)
    names = {file.name for file in trained.folder.iterdir()}
    assert names == {file.name for file in place.iterdir()}
    for name in names - {"MLmodel", "model.skops"}:
        assert (trained.folder / name).read_text() == (place / name).read_text(), name


def test_run_holds_all_parameters_nested_ones_by_path(trained: Trained, rows: Rows) -> None:
    logged = trained.run.data.params
    params = load(trained.store, trained.version).estimator.get_params(deep=True)
    assert set(logged) == set(params)
    assert logged["model__C"] == "0.5"
    assert logged["model__max_iter"] == "1"
    assert logged["model__solver"] == "'lbfgs'"  # a default
    assert logged["model__random_state"] == "42"  # the split's seed, as the config leaves it unset
    assert logged["scale__with_mean"] == "True"
    assert logged["model"] == "LogisticRegression"
    plain = {name: value for name, value in params.items() if isinstance(value, int | float | str | bool)}
    assert {name: ast.literal_eval(logged[name]) for name in plain} == plain


def test_run_holds_the_metrics_of_the_test_rows(trained: Trained, rows: Rows) -> None:
    features, target = rows.part("test")
    estimator = load(trained.store, trained.version).estimator
    predicted, shares = estimator.predict(features), estimator.predict_proba(features)
    report = classification_report(target, predicted, output_dict=True, zero_division=0)
    expected = {"accuracy": report["accuracy"], "balanced_accuracy": report["macro avg"]["recall"]}
    for average in ("macro", "weighted"):
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            expected[f"{name}_{average}"] = report[f"{average} avg"][key]
    expected["log_loss"] = log_loss(target, shares)
    expected["roc_auc"] = roc_auc_score(target, shares, multi_class="ovr")
    expected["matthews_corrcoef"] = matthews_corrcoef(target, predicted)  # the spec's metric
    expected = {f"test_{name}": value for name, value in expected.items()}
    logged = trained.run.data.metrics
    assert {name: logged[name] for name in expected} == pytest.approx(expected)
    assert trained.outcome.metrics == pytest.approx(expected)


def test_run_holds_the_seconds_of_the_fit(trained: Trained) -> None:
    assert 0 < trained.run.data.metrics["fit_seconds"] <= trained.outcome.seconds


def test_run_is_finished_and_named_after_the_candidate(trained: Trained) -> None:
    assert trained.run.info.status == "FINISHED"
    assert trained.run.info.run_name == "quick.yaml: quick"


def test_warnings_of_scikit_learn_are_an_artifact(trained: Trained) -> None:
    assert "ConvergenceWarning: lbfgs failed to converge" in trained.file("warnings.txt").read_text()
    assert trained.run.data.metrics["fit_warnings"] == 1


def test_fit_without_warnings_has_no_such_artifact(store: Store) -> None:
    tree = store.version("wine", "2")
    assert tree is not None
    assert "warnings.txt" not in [item.path for item in store.client.list_artifacts(tree.run_id)]


def test_run_names_its_data_set(trained: Trained, rows: Rows) -> None:
    (used,) = trained.run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("wine", rows.digest)
    assert "sklearn.datasets.load_wine" in used.dataset.source
    profile = json.loads(used.dataset.profile)
    assert profile["num_rows"] == rows.count("train")
    assert [tag.value for tag in used.tags] == ["training"]


def test_confusion_matrix_is_a_picture(trained: Trained) -> None:
    picture = image.imread(trained.file("confusion_matrix.png"))
    height, width, _ = picture.shape
    assert height > 300
    assert width > 300
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 10  # something is drawn on it


def test_classification_report_is_of_the_test_rows(trained: Trained, rows: Rows) -> None:
    features, target = rows.part("test")
    predicted = load(trained.store, trained.version).estimator.predict(features)
    expected = classification_report(target, predicted, zero_division=0)
    assert trained.file("classification_report.txt").read_text() == expected


def test_config_is_kept_byte_by_byte(trained: Trained) -> None:
    assert trained.file("config/quick.yaml").read_bytes() == CONFIG


def test_model_is_in_skops_format_with_signature_example_and_pins(trained: Trained, rows: Rows) -> None:
    model = Model.load(str(trained.folder))
    assert model.flavors["sklearn"]["serialization_format"] == "skops"
    assert not list(trained.folder.glob("*.pkl"))
    assert model.signature.inputs.input_names() == list(rows.features)
    assert model.signature.outputs is not None
    example = model.load_input_example(str(trained.folder))
    assert list(example) == list(rows.features)
    pins = (trained.folder / "requirements.txt").read_text().split()
    assert {"scikit-learn", "skops", "mlflow"} <= {pin.partition("==")[0] for pin in pins}
    assert all("==" in pin for pin in pins)
