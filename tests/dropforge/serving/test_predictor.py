"""The quick path and MLflow's give the same answers, for every classifier."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from dropforge.configs import read_candidates
from dropforge.data import Rows, load
from dropforge.estimators import Allowed, build
from dropforge.serving import predictor as predictors
from dropforge.serving.errors import Refusal
from dropforge.serving.kernels import kernel
from dropforge.serving.predictor import Predictor
from dropforge.serving.queue import answers
from dropforge.serving.reading import Asked
from dropforge.settings import Pipeline
from dropforge.training.fit import fit
from tests.dropforge.serving.memory import version
from tests.dropforge.test_every_classifier import CLASSIFIERS, OTHER, PARAMS
from tests.dropforge.wine import WINE

# Who multiplies no matrices: by its processor, BLAS may give another last bit for other rows beside.
TREES = ("TreeClassifier", "TreesClassifier", "ForestClassifier", "GradientBoostingClassifier")
# What these cannot be asked for: rows in which one of them has never seen the value, or that have no neighbour.
MAY_REFUSE = {"CategoricalNB", "RadiusNeighborsClassifier"}


@dataclass
class Fitted:
    """A predictor, and the rows that it was fitted on."""

    predictor: Predictor
    features: pd.DataFrame


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    """The rows, by their source."""
    folder = tmp_path_factory.mktemp("tables")
    return {pipeline.data.source: load(pipeline.data, folder) for pipeline in (WINE, *OTHER.values())}


def fitted(name: str, tables: dict[str, Rows]) -> Fitted:
    """Return a classifier as a config would build it, fitted."""
    pipeline: Pipeline = OTHER.get(name, WINE)
    rows = tables[pipeline.data.source]
    config = repr({"class": name, "params": PARAMS.get(name, {})}).encode()
    (candidate,) = read_candidates(config, "one.yaml", Allowed())
    features, _ = rows.part("train")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = fit(build(candidate.estimator, 42), rows, "").estimator
        return Fitted(Predictor(version(estimator, features.head(3))), features)


def random_rows(features: pd.DataFrame) -> st.SearchStrategy[np.ndarray]:
    """Rows of values from the table, from between, and from far outside."""
    values = features.to_numpy()
    seen = st.integers(0, len(values) - 1).map(lambda row: values[row])
    between = st.tuples(seen, seen, st.floats(0, 1)).map(lambda of: of[0] + of[2] * (of[1] - of[0]))
    outside = arrays("f8", values.shape[1], elements=st.floats(-1e6, 1e6))
    return st.lists(seen | between | outside, min_size=1, max_size=6).map(np.array)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_quick_path_answers_as_the_estimator_does_with_a_dataframe(name: str, tables: dict[str, Rows]) -> None:
    made = fitted(name, tables)
    predictor, estimator = made.predictor, made.predictor.estimator
    assert predictor.by_array, "rows of numbers need no DataFrame"

    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(random_rows(made.features))
    def check(rows: np.ndarray) -> None:
        frame = pd.DataFrame(rows, columns=made.features.columns)
        try:
            expected = np.ravel(predictor.pyfunc.predict(frame))
        except Exception:
            assert name in MAY_REFUSE
            with pytest.raises(Refusal):
                predictor.predict(rows)
            return
        found = predictor.predict(rows, probabilities=predictor.classes is not None)
        np.testing.assert_array_equal(found.labels, expected)
        if found.probabilities is not None:
            own = estimator.predict_proba(frame)
            np.testing.assert_allclose(found.probabilities, own, rtol=0, atol=1e-12)

    with predictors.one_thread():
        check()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_requests_that_are_answered_together_get_what_each_gets_alone(name: str, tables: dict[str, Rows]) -> None:
    made = fitted(name, tables)
    predictor = made.predictor
    if not predictor.together:
        assert not name.endswith(TREES)
        pytest.xfail("its answers hang on the rows beside: each request is answered alone")
    probabilities = predictor.classes is not None

    @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(random_rows(made.features), min_size=2, max_size=5))
    def check(requests: list[np.ndarray]) -> None:
        together = answers(predictor, [Asked(rows, probabilities) for rows in requests])
        for rows, found in zip(requests, together, strict=True):
            if isinstance(found, Exception):
                assert name in MAY_REFUSE
                continue
            assert predictors.agree(found, predictor.predict(rows, probabilities))

    with predictors.one_thread():
        check()


QUICK = {
    "forest": RandomForestClassifier(n_estimators=20, random_state=1),
    "extra trees": ExtraTreesClassifier(n_estimators=20, random_state=1),
    "boosting": HistGradientBoostingClassifier(max_iter=20, random_state=1),
    "boosting of stumps": HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=2, random_state=1),
    "logistic": LogisticRegression(max_iter=20),
    "scaled logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "filled and scaled": make_pipeline(
        SimpleImputer(), make_pipeline(StandardScaler(), "passthrough"), LogisticRegression()
    ),
    "scaled boosting": make_pipeline(StandardScaler(with_mean=False), HistGradientBoostingClassifier(max_iter=5)),
    "centred logistic": make_pipeline(StandardScaler(with_std=False), LogisticRegression()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", QUICK)
def test_quicker_way_gives_the_same_to_the_last_bit(name: str, classes: int, rows: Rows) -> None:
    features, labels = rows.part("train")
    some = np.isin(labels, np.unique(labels)[:classes])
    model = clone(QUICK[name]).fit(features[some], labels[some])
    predictor = Predictor(version(model, rows.features.head(3)))
    assert predictor._kernel is not None
    values = rows.features.to_numpy()
    for asked in (*values[:20, None], values, np.tile(values, (3, 1))):
        found = predictor.predict(asked, probabilities=True)
        np.testing.assert_array_equal(found.probabilities, model.predict_proba(asked))
        np.testing.assert_array_equal(found.labels, model.predict(asked))
        np.testing.assert_array_equal(predictor.predict(asked).labels, found.labels)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(MinMaxScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        CalibratedClassifierCV(LogisticRegression()),
    ],
)
def test_what_no_quicker_way_is_known_for_is_answered_by_the_estimator(model: Any, rows: Rows) -> None:
    predictor = Predictor(version(model.fit(*rows.part("train")), rows.features.head(3)))
    assert predictor._kernel is None
    np.testing.assert_array_equal(predictor.predict(rows.features.to_numpy()).labels, model.predict(rows.features))


@pytest.mark.parametrize("gap", [np.nan, None, ""])
def test_pipeline_that_fills_words_is_left_to_the_estimator(gap: Any) -> None:
    words = pd.DataFrame({"word": np.array(["a", "b", "c"] * 4, dtype=object)})
    imputer = SimpleImputer(missing_values=gap, strategy="most_frequent")
    assert kernel(make_pipeline(imputer, OneHotEncoder(), LogisticRegression()).fit(words, ["x", "y", "z"] * 4)) is None


def test_imputer_whose_gaps_are_numbers_is_left_to_the_estimator(rows: Rows) -> None:
    model = make_pipeline(SimpleImputer(missing_values=-1), LogisticRegression(max_iter=5000))
    assert kernel(model.fit(*rows.part("train"))) is None


def test_rows_with_gaps_go_to_the_estimator(rows: Rows) -> None:
    model = HistGradientBoostingClassifier(max_iter=5, random_state=1).fit(*rows.part("train"))
    predictor = Predictor(version(model, rows.features.head(3)))
    assert predictor._kernel is not None
    gaps = rows.features.to_numpy()[:20].copy()
    gaps[:, ::2] = np.nan
    np.testing.assert_array_equal(predictor.predict(gaps, True).probabilities, model.predict_proba(gaps))


def test_quicker_way_that_differs_is_not_taken(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    forest = RandomForestClassifier(n_estimators=5, random_state=1).fit(*rows.part("train"))

    def other(given: np.ndarray, _: bool) -> tuple[np.ndarray, np.ndarray]:
        found = forest.predict_proba(given) + 1e-9
        return found.argmax(axis=1), found

    monkeypatch.setattr(predictors, "kernel", lambda _: other)
    assert Predictor(version(forest, rows.features.head(3)))._kernel is None


def test_model_whose_quicker_way_cannot_be_made_is_served(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    model = HistGradientBoostingClassifier(max_iter=5, random_state=1).fit(*rows.part("train"))
    monkeypatch.setattr(predictors, "kernel", lambda estimator: estimator._called_otherwise)
    predictor = Predictor(version(model, rows.features.head(3)))
    np.testing.assert_array_equal(predictor.predict(rows.features.to_numpy()).labels, model.predict(rows.features))


def test_estimator_whose_answers_hang_on_the_rows_beside_is_asked_for_each_request_alone(rows: Rows) -> None:
    class Ranked(LogisticRegression):
        def predict(self, X: Any) -> Any:
            return super().predict(X - np.asarray(X).mean(axis=0))

    model = Ranked(max_iter=20).fit(*rows.part("train"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not Predictor(version(model, rows.features.head(3))).together


@pytest.mark.slow
def test_all_that_is_served_runs_one_job(rows: Rows) -> None:
    inner = RandomForestClassifier(n_estimators=3, n_jobs=2)
    model = VotingClassifier([("forest", inner), ("near", KNeighborsClassifier(n_jobs=-1))], n_jobs=2)
    model.fit(*rows.part("train"))
    Predictor(version(model, rows.features.head(3)))
    assert (model.n_jobs, model.estimators_[0].n_jobs, model.estimators_[1].n_jobs) == (1, 1, 1)


def test_labels_may_be_texts_or_truths(rows: Rows) -> None:
    features, target = rows.part("train")
    for labels in (target.map({0: "a", 1: "b", 2: "c"}), target == 1):
        tree = DecisionTreeClassifier(random_state=0).fit(features, labels)
        predictor = Predictor(version(tree, features.head(3)))
        values = features.to_numpy()[:5]
        assert predictor.predict(values).labels.tolist() == tree.predict(values).tolist()
        assert predictor.classes == sorted(set(labels.tolist()))
