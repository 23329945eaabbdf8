"""Load a version back: from its registered artifact, in skops format, with the types that we trust."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel

from dropforge.documents import Problem, UserError
from dropforge.estimators.registry import trusted_types
from dropforge.registry.store import Store, Version


@dataclass(frozen=True)
class Loaded:
    """A version in memory.

    Parameters
    ----------
    version : Version
        Which one.
    estimator : Any
        The fitted scikit-learn estimator.
    pyfunc : PyFuncModel
        The same as MLflow calls it, with its signature enforced.
    example : pandas.DataFrame
        The rows that were logged with it.
    """

    version: Version
    estimator: Any
    pyfunc: PyFuncModel
    example: Any

    @property
    def signature(self) -> ModelSignature | None:
        """What the model takes and gives."""
        return self.pyfunc.metadata.signature


def load(store: Store, version: Version) -> Loaded:
    """Load a version.

    Raises
    ------
    UserError
        If it is not a scikit-learn model in skops format, or holds a type that our registry of estimators does
        not know. The list of trusted types in the model's own file is never looked at.
    """
    import skops.io

    folder = Path(
        mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}", tracking_uri=store.uri)
    )
    model = Model.load(str(folder))
    flavor = model.flavors.get("sklearn", {})
    if flavor.get("serialization_format") != "skops":
        raise _refused(version, "it is not stored in skops format", "Register it again in skops format.")
    file = folder / str(flavor.get("pickled_model", "model.skops"))
    untrusted = set(skops.io.get_untrusted_types(file=file))
    if foreign := untrusted - trusted_types():
        raise _refused(
            version, f"it holds types that are not trusted: {', '.join(sorted(foreign))}", "Do not serve it."
        )
    estimator = skops.io.load(file, trusted=sorted(untrusted))
    pyfunc = PyFuncModel(model_meta=model, model_impl=_Predictor(estimator))
    return Loaded(version, estimator, pyfunc, model.load_input_example(str(folder)))


class _Predictor:
    """What MLflow's PyFuncModel calls."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Return the estimator's labels."""
        return self.estimator.predict(data)


def _refused(version: Version, message: str, remedy: str) -> UserError:
    return UserError(Problem(f"version {version.version} of '{version.name}' cannot be loaded: {message}", remedy))
