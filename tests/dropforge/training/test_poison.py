"""Nothing learns from test or holdout: whatever stands in their rows, every fitted parameter is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml

from dropforge.data import Rows
from dropforge.data.columns import columns_of
from dropforge.data.parting import PARTS
from dropforge.data.rows import part_rows
from dropforge.estimators import build
from dropforge.training.fit import fit
from dropforge.training.prepare import prepare
from tests.dropforge.penguins import PENGUINS, put_penguins
from tests.dropforge.test_every_classifier import CLASSIFIERS, PARAMS
from tests.dropforge.wine import candidate

DATA = replace(PENGUINS.data, target="adelie")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The penguins in two classes, as some classifiers part no more."""
    frame = pd.read_csv(put_penguins(tmp_path_factory.mktemp("poison")))
    return part_rows(frame.assign(adelie=frame.pop("species") == "Adelie"), DATA)


def poisoned(rows: Rows, part: str) -> Rows:
    """Return the rows with nonsense in one part: huge numbers, other words, the opposite classes."""
    features, target = rows.features.copy(), rows.target.copy()
    where = features.index[rows.parts[part]]  # type: ignore[index]
    for name, values in features.items():
        if pd.api.types.is_numeric_dtype(values):
            features[name] = values.astype(float)
            features.loc[where, name] = 1e6 + np.arange(len(where))
        else:
            features.loc[where, name] = "poison"
    target.loc[where] = ~target.loc[where]
    return replace(rows, features=features, target=target, columns=columns_of(features))


def fingerprint(name: str, rows: Rows) -> str:
    """Return a hash of every fitted parameter of a classifier, and of what goes before it."""
    # No island has penguins of every class, so a class's covariance needs some help.
    params = PARAMS.get(name, {}) | ({"reg_param": 0.1} if name.startswith("Quadratic") else {})
    tree = candidate(yaml.safe_dump({"class": name, "params": params}).encode()).estimator
    return joblib.hash(fit(build(prepare(tree, DATA, rows).tree, 42), rows, "a.yaml").estimator)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_classifier_learns_from_test_or_holdout(name: str, clean: Rows) -> None:
    # Of one type from the start: that nonsense makes floats of whole numbers is no learning.
    clean = replace(clean, features=clean.features.astype({"year": float}))
    expected = fingerprint(name, clean)
    assert [fingerprint(name, poisoned(clean, part)) for part in ("test", "holdout")] == [expected, expected]


@pytest.mark.parametrize("name", ["LogisticRegression", "GaussianNB"])
def test_the_fingerprint_sees_what_is_learned(name: str, clean: Rows) -> None:
    assert fingerprint(name, clean) != fingerprint(name, poisoned(clean, "train"))


@pytest.mark.parametrize("changes", [{}, {"id": "ring"}, {"split": replace(DATA.split, group="island")}])
def test_rows_that_join_change_no_part_of_the_old_ones(changes: dict[str, object], tmp_path: Path) -> None:
    frame = pd.read_csv(put_penguins(tmp_path))
    frame = frame.assign(ring=range(len(frame)), number=range(len(frame)), island=[f"i{n // 4}" for n in frame.index])
    data = replace(PENGUINS.data, **changes)
    joined = frame.sample(100, random_state=1)
    joined = joined.assign(number=-1, ring=range(1000, 1100), sex="unknown", body_mass_g=0.5)
    before, after = (
        {number: part for part in PARTS for number in rows.part(part)[0]["number"] if number >= 0}
        for rows in (part_rows(frame, data), part_rows(pd.concat([joined, frame]), data))
    )
    assert before == after
    assert len(before) == len(frame)
