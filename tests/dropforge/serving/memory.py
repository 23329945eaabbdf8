"""Versions that were never in a store: fitted here, with a signature, as a server has them in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import Model, infer_signature
from mlflow.pyfunc import PyFuncModel

from dropforge.registry import Store, Version
from dropforge.registry.models import Loaded
from dropforge.registry.models import Predictor as Door
from dropforge.serving.models import Served, ServedModel
from dropforge.serving.predictor import Predictor
from dropforge.serving.queue import Queue
from dropforge.settings import Promote
from tests.dropforge.wine import WINE


def version(estimator: Any, example: pd.DataFrame, name: str = "wine", number: str = "1") -> Loaded:
    """Return a fitted estimator as a version that was loaded."""
    signature = infer_signature(example, np.ravel(estimator.predict(example)))
    pyfunc = PyFuncModel(model_meta=Model(signature=signature), model_impl=Door(estimator))
    return Loaded(Version(name, number, {}, "", None), estimator, pyfunc, example)


class Nowhere(Store):
    """A store that is not asked."""

    def champions(self, pipelines: Mapping[str, Promote]) -> dict[str, str]:
        """Return that no pipeline has a champion."""
        return {}


class Place(ServedModel):
    """A pipeline's place that follows nobody."""

    def follow(self, *, at_once: bool = False) -> None:
        """Stay with the version that is there."""


def place(loaded: Loaded) -> ServedModel:
    """Return a pipeline's place that answers with a version."""
    model = Place(Nowhere(""), replace(WINE, name=loaded.version.name))
    predictor = Predictor(loaded)
    model.current = Served(loaded, predictor, Queue(predictor))
    return model
