"""A table of words, numbers and gaps: trained without preprocessing by hand, and served from its raw rows."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import numpy as np

from dropforge.configs import read_candidates
from dropforge.estimators import Allowed
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.registry import models as versions
from dropforge.serving.models import ServedModel
from dropforge.training import Trainer
from tests.dropforge.penguins import PENGUINS, penguins

CLASSIFIERS = (
    "LogisticRegression",
    "SVC",
    "KNeighborsClassifier",
    "RandomForestClassifier",
    "HistGradientBoostingClassifier",
    "GradientBoostingClassifier",
    "MLPClassifier",
    "GaussianNB",
    "LinearDiscriminantAnalysis",
    "MultinomialNB",
)


def test_ten_classifiers_learn_the_penguins_and_answer_to_raw_rows(project: Project, serve: Callable[..., str]) -> None:
    rows = penguins(project.home)
    text = "models:\n" + "".join(f"  - {name}\n" for name in CLASSIFIERS)
    found = read_candidates(text.encode(), "ten.yaml", Allowed())
    with Trainer(PENGUINS, rows, project, threads=1) as trainer:
        outcomes = [trainer.train(one, text.encode()) for one in found]
    assert [(outcome.status, outcome.error) for outcome in outcomes] == [("trained", "")] * len(CLASSIFIERS)
    assert {outcome.cls: outcome.metrics["test_accuracy"] > 0.75 for outcome in outcomes if outcome.metrics} == {
        candidate.estimator.path: True for candidate in found
    }
    store = Store.connect(project)
    table, _ = rows.part("holdout")
    assert table.isna().any(axis=None)
    raw = json.loads(table.to_json(orient="split", index=False))
    assert None in [value for row in raw["data"] for value in row]
    place = ServedModel(store, PENGUINS)
    with httpx.Client(base_url=serve({"penguins": place}), timeout=60) as client:
        for outcome in outcomes:
            version = store.version("penguins", str(outcome.version))
            assert version is not None
            store.set_alias(version, "production")
            client.post("/models/penguins/swap").raise_for_status()
            answer = client.post("/models/penguins/invocations", json={"dataframe_split": raw})
            expected = versions.load(store, version).estimator.predict(table)
            assert answer.json() == {"predictions": np.ravel(expected).tolist()}, outcome.cls
            one = client.post("/models/penguins/invocations", json={"dataframe_records": [UNSEEN]})
            assert one.status_code == 200, (outcome.cls, one.text)


# A word that no row has, and no value where the table has gaps.
UNSEEN = {
    "island": "Atlantis", "bill_length_mm": None, "bill_depth_mm": 15.0, "flipper_length_mm": 200, "body_mass_g": 4000,
    "sex": None, "year": 2009,
}  # fmt: skip
