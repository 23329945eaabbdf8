"""A model's folder, as MLflow stores it: written once, and its types looked at once.

``mlflow.sklearn.save_model`` loads back what it has written, and would have to be told the types that are in it, for
which it would be written before: a forest would be written twice and read twice. It also works out anew for each model
what models are loaded with, and writes ``MLmodel`` three times. A test sees that the folder is the same.

First comes the model's own file, as it may turn out that it cannot be stored.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import sklearn
import yaml
from mlflow.entities import LoggedModel
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.models.utils import _save_example

from dropforge.configs import Candidate
from dropforge.data import Rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import packages
from dropforge.estimators.trusted import trusted_types

# We pin what a model needs; that pip itself has no version in an environment made without it is no news.
logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
# Nor is that MLflow looks at the example.
logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)

_FILE = "model.skops"
_EXAMPLE_ROWS = 3
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# What a model is loaded with again. Read at the import, once for all the processes that are forked.
PINS = tuple(
    f"{name}=={importlib.metadata.version(name)}"
    for name in ("scikit-learn", "skops", "numpy", "scipy", "pandas", "mlflow")
)


@dataclass(frozen=True)
class Artifact:
    """A model's folder.

    Parameters
    ----------
    folder : Path
        Where it is.
    model : Model
        What its MLmodel says.
    example : DataFrame
        Rows that the model takes.
    """

    folder: Path
    model: Model
    example: pd.DataFrame

    @property
    def signature(self) -> ModelSignature:
        """What the model takes and gives."""
        return self.model.signature

    def belongs_to(self, logged: LoggedModel, run_id: str) -> None:
        """Write down where in MLflow the model will be."""
        model = self.model
        model.artifact_path, model.run_id = logged.artifact_location, run_id
        model.model_uuid = model.model_id = logged.model_id
        # As `Model.save` does, but in C.
        with (self.folder / mlflow.pyfunc.MLMODEL_FILE_NAME).open("w") as file:
            yaml.dump(model.to_dict(), file, _DUMPER, default_flow_style=False)


def write_model(folder: Path, estimator: Any, candidate: Candidate, modules: tuple[str, ...]) -> list[str]:
    """Begin the folder of a fitted model with its own file, and return the types that skops would not load unasked.

    Parameters
    ----------
    folder : Path
        Not there yet.
    estimator : estimator
        The fitted model.
    candidate : Candidate
        What was trained.
    modules : tuple of str
        What the spec admits beside scikit-learn: :attr:`dropforge.estimators.Allowed.modules`.

    Raises
    ------
    UserError
        If it cannot be stored, or our own list does not trust one of the types.
    """
    import skops.io

    folder.mkdir()
    file = folder / _FILE
    with _storable(candidate):
        skops.io.dump(estimator, file)
        types = set(skops.io.get_untrusted_types(file=file))
    if foreign := types - trusted_types(modules):
        names = ", ".join(sorted(foreign))
        message = f"the fitted model holds what could not be loaded back safely: {names}"
        raise UserError(Problem(message, "Choose another estimator or other parameters.", candidate.config_file))
    return sorted(types)


def write_artifact(
    folder: Path,
    types: list[str],
    estimator: Any,
    candidate: Candidate,
    rows: Rows,
    learned_from: list[str],
) -> Artifact:
    """Write what stands around a fitted model in its folder.

    Parameters
    ----------
    folder : Path
        What :func:`write_model` began.
    types : list of str
        What that returned.
    estimator : estimator
        The fitted model.
    candidate : Candidate
        What was trained.
    rows : Rows
        What it was trained on.
    learned_from : list of str
        The columns that it takes.

    Raises
    ------
    UserError
        If MLflow cannot describe what the columns hold.
    """
    example = rows.part("train")[0][learned_from].head(_EXAMPLE_ROWS)
    for name, content in environment_of(pins_of(candidate)).items():
        (folder / name).write_bytes(content)
    with _storable(candidate):
        model = Model(signature=_signature(estimator, rows, learned_from))
        _save_example(model, example, str(folder))
    mlflow.pyfunc.add_to_model(
        model,
        loader_module="mlflow.sklearn",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_path=_FILE,
        predict_fn="predict",
    )
    model.add_flavor(
        mlflow.sklearn.FLAVOR_NAME,
        pickled_model=_FILE,
        sklearn_version=sklearn.__version__,
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        code=None,
        skops_trusted_types=types,
    )
    model.model_size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    return Artifact(folder, model, example)


@functools.cache
def environment_of(pins: tuple[str, ...]) -> Mapping[str, bytes]:
    """Return the files that say what a model is loaded with, as MLflow writes them: the same beside every model."""
    with tempfile.TemporaryDirectory(prefix="dropforge-") as folder:
        place = Path(folder, "any")
        mlflow.pyfunc.save_model(str(place), loader_module="mlflow.sklearn", pip_requirements=list(pins))
        return {
            file.name: file.read_bytes() for file in place.iterdir() if file.name != mlflow.pyfunc.MLMODEL_FILE_NAME
        }


@contextlib.contextmanager
def _storable(candidate: Candidate) -> Iterator[None]:
    """Say what cannot be stored: whatever a library cannot write of a model or its rows is the candidate's failure."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        message = f"the fitted model cannot be stored: {type(error).__name__}: {error}"
        raise UserError(
            Problem(message, "Choose another estimator, other parameters or columns.", candidate.config_file)
        ) from error


def pins_of(candidate: Candidate) -> tuple[str, ...]:
    """Return what a candidate's model is loaded with again: other packages too, if its classes are theirs."""
    return (*PINS, *(f"{name}=={version}" for name, version in packages(candidate.estimator).items()))


def _signature(estimator: Any, rows: Rows, learned_from: list[str]) -> ModelSignature:
    """Return what the model takes and gives, inferred from few rows that show all that the columns may hold."""
    features = rows.features[learned_from]
    gaps = [column.name for column in rows.columns if column.missing and column.name in learned_from]
    first_gaps = features[gaps].isna().to_numpy().argmax(axis=0) if gaps else []
    shown = features.iloc[np.unique([*range(min(_EXAMPLE_ROWS, len(features))), *first_gaps])]
    with warnings.catch_warnings():
        # MLflow advises to declare whole numbers as floats, lest a value be missing one day.
        warnings.filterwarnings("ignore", message="(?s).*integer column", category=UserWarning)
        return infer_signature(shown, np.ravel(estimator.predict(features.head(_EXAMPLE_ROWS))))
