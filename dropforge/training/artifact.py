"""A model's folder, as MLflow stores it: written once, and its types looked at once.

``mlflow.sklearn.save_model`` loads back what it has written, and would have to be told the types that are in it, for
which it would be written before: a forest would be written twice and read twice.
"""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import sklearn
from mlflow.entities import LoggedModel
from mlflow.models import Model, ModelSignature, infer_signature

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
# What a model is loaded with again. Read at the import, once for all the processes that are forked.
_PINS = [
    f"{name}=={importlib.metadata.version(name)}"
    for name in ("scikit-learn", "skops", "numpy", "scipy", "pandas", "mlflow")
]


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
        model.save(str(self.folder / mlflow.pyfunc.MLMODEL_FILE_NAME))


def write_artifact(
    folder: Path,
    estimator: Any,
    candidate: Candidate,
    rows: Rows,
    learned_from: list[str],
    modules: tuple[str, ...],
) -> Artifact:
    """Write the folder of a fitted model.

    Parameters
    ----------
    folder : Path
        Not there yet.
    estimator : estimator
        The fitted model.
    candidate : Candidate
        What was trained.
    rows : Rows
        What it was trained on.
    learned_from : list of str
        The columns that it takes.
    modules : tuple of str
        What the spec admits beside scikit-learn: :attr:`dropforge.estimators.Allowed.modules`.

    Raises
    ------
    UserError
        If the fitted model holds a type that our own list does not trust.
    """
    import skops.io

    example = rows.part("train")[0][learned_from].head(_EXAMPLE_ROWS)
    model = Model()
    mlflow.pyfunc.save_model(
        str(folder),
        loader_module="mlflow.sklearn",
        mlflow_model=model,
        signature=_signature(estimator, rows, learned_from),
        input_example=example,
        pip_requirements=pins_of(candidate),
    )
    file = folder / _FILE
    skops.io.dump(estimator, file)
    types = set(skops.io.get_untrusted_types(file=file))
    if foreign := types - trusted_types(modules):
        names = ", ".join(sorted(foreign))
        message = f"the fitted model holds what could not be loaded back safely: {names}"
        raise UserError(Problem(message, "Choose another estimator or other parameters.", candidate.config_file))
    # As mlflow.sklearn.save_model would say it.
    model.flavors[mlflow.pyfunc.FLAVOR_NAME] |= {"model_path": _FILE, "predict_fn": "predict"}
    model.add_flavor(
        mlflow.sklearn.FLAVOR_NAME,
        pickled_model=_FILE,
        sklearn_version=sklearn.__version__,
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        code=None,
        skops_trusted_types=sorted(types),
    )
    model.model_size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    return Artifact(folder, model, example)


def pins_of(candidate: Candidate) -> list[str]:
    """Return what a candidate's model is loaded with again: other packages too, if its classes are theirs."""
    return [*_PINS, *(f"{name}=={version}" for name, version in packages(candidate.estimator).items())]


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
