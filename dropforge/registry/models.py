"""Load a version back: from its registered artifact, in skops format, with the types that we trust."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel

from dropforge.documents import Problem, UserError
from dropforge.estimators.trusted import trusted_types
from dropforge.registry.runs import ABSENT
from dropforge.registry.store import Store, Version

_AGAIN = "Train it again, with force: true in its config."


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
    size : int
        How large its artifact is, in bytes.
    """

    version: Version
    estimator: Any
    pyfunc: PyFuncModel
    example: Any
    size: int = 0

    @property
    def signature(self) -> ModelSignature | None:
        """What the model takes and gives."""
        return self.pyfunc.metadata.signature


def load(store: Store, version: Version, modules: tuple[str, ...] = ()) -> Loaded:
    """Load a version.

    Parameters
    ----------
    store : Store
        Where it is.
    version : Version
        Which one.
    modules : tuple of str
        What the spec admits beside scikit-learn: :attr:`dropforge.estimators.Allowed.modules`.

    Raises
    ------
    UserError
        If its artifact is gone or damaged, is not a scikit-learn model in skops format, or holds a type that our
        registry of estimators does not know. The list of trusted types in the model's own file is never looked at.
    """
    with fetched(store, version) as folder:
        return load_folder(folder, version, modules)


def load_folder(folder: Path, version: Version, modules: tuple[str, ...] = ()) -> Loaded:
    """Load a version from the folder of its artifact, as :func:`load` does."""
    try:
        model = Model.load(str(folder))
        estimator = _read(folder, model.flavors.get("sklearn", {}), version, trusted_types(modules))
        example = model.load_input_example(str(folder))
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except FileNotFoundError as error:
        gone = Path(str(error.filename)).name
        raise _refused(version, f"a file of its artifact is gone: {gone}", _AGAIN) from error
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        # Whatever a damaged file brings its readers to raise.
        raise _refused(version, f"its artifact is damaged: {type(error).__name__}: {error}", _AGAIN) from error
    pyfunc = PyFuncModel(model_meta=model, model_impl=Predictor(estimator))
    return Loaded(version, estimator, pyfunc, example, size)


@contextlib.contextmanager
def fetched(store: Store, version: Version) -> Iterator[Path]:
    """Give the folder of a version's artifact: its own if it is on this machine, else a copy that is then removed."""
    with tempfile.TemporaryDirectory(prefix="dropforge-") as copy:
        try:
            # Asked of this store: MLflow looks "models:/..." up in the store that was connected last.
            uri = store.registry.get_model_version_download_uri(version.name, version.version)
            here = urlsplit(uri).scheme in ("", "file")
            folder = mlflow.artifacts.download_artifacts(uri, dst_path=None if here else copy, tracking_uri=store.uri)
        except MlflowException as error:
            if error.error_code in ABSENT:
                raise _refused(version, "its artifact is gone", _AGAIN) from error
            raise
        yield Path(folder)


def _read(folder: Path, flavor: dict[str, Any], version: Version, trusted: frozenset[str]) -> Any:
    """Return the estimator in a model file, once its types are known to be ours."""
    import skops.io

    if flavor.get("serialization_format") != "skops":
        raise _refused(version, "it is not stored in skops format", "Register it again in skops format.")
    file = folder / str(flavor.get("pickled_model", "model.skops"))
    untrusted = set(skops.io.get_untrusted_types(file=file))
    if foreign := untrusted - trusted:
        raise _refused(
            version, f"it holds types that are not trusted: {', '.join(sorted(foreign))}", "Do not serve it."
        )
    return skops.io.load(file, trusted=sorted(untrusted))


class Predictor:
    """What MLflow's PyFuncModel calls."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Return the estimator's labels."""
        return np.ravel(self.estimator.predict(data))  # some give a table of one column


def _refused(version: Version, message: str, remedy: str) -> UserError:
    return UserError(Problem(f"version {version.version} of '{version.name}' cannot be loaded: {message}", remedy))
