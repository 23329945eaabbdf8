"""What goes before a model: what its columns and its estimator need, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import all_estimators, get_tags

from dropforge.configs import digest
from dropforge.data import Rows
from dropforge.data.rows import part_rows
from dropforge.documents import UserError
from dropforge.estimators import build, plain
from dropforge.training.fit import fit
from dropforge.training.prepare import _COUNTING, Prepared, prepare
from tests.dropforge.penguins import PENGUINS, penguins
from tests.dropforge.wine import WINE, candidate

TABLE = replace(WINE.data, source="table.csv", target="kind")


def table(**columns: object) -> Rows:
    """Return rows of two classes with these columns beside a number."""
    random = np.random.default_rng(0)
    return part_rows(pd.DataFrame({"x": random.random(200), **columns, "kind": ["a", "b"] * 100}), TABLE)


def prepared(config: str, rows: Rows, preprocess: str = "auto") -> Prepared:
    return prepare(candidate(config.encode()).estimator, replace(TABLE, preprocess=preprocess), rows)


def steps(found: Prepared) -> list[str]:
    """Return the names of the classes that go before a model, in order."""

    def walk(value: object) -> list[str]:
        if isinstance(value, dict):
            inner = [name for item in value.get("params", {}).values() for name in walk(item)]
            return [value["class"].rpartition(".")[2], *inner] if "class" in value else inner
        return [name for item in value for name in walk(item)] if isinstance(value, list) else []

    return [name for name in walk(found.digested) if name not in ("Pipeline", "ColumnTransformer")]


WORDS, GAPS = {"city": ["Bonn", "Köln"] * 100}, {"size": [1.5, None, 2.5, 3.0] * 50}


@pytest.mark.parametrize(
    ("columns", "config", "expected"),
    [
        ({}, "RandomForestClassifier", []),
        ({}, "GaussianNB", []),
        ({}, "MultinomialNB", []),
        ({}, "LogisticRegression", ["StandardScaler"]),
        ({}, "class: BaggingClassifier\nparams: {estimator: {class: SVC}}", ["StandardScaler"]),
        ({}, "CategoricalNB", ["KBinsDiscretizer"]),
        ({}, "RadiusNeighborsClassifier", []),
        (GAPS, "RandomForestClassifier", []),
        (GAPS, "HistGradientBoostingClassifier", []),
        (GAPS, "GradientBoostingClassifier", ["SimpleImputer"]),
        (GAPS, "class: VotingClassifier\nparams: {estimators: [[a, {class: SVC}], [b, {class: GaussianNB}]]}",
         ["SimpleImputer", "StandardScaler"]),
        (WORDS, "RandomForestClassifier", ["OneHotEncoder"]),
        (WORDS, "LinearSVC", ["OneHotEncoder", "StandardScaler"]),
        (WORDS | {"town": ["Bonn", None] * 100}, "RandomForestClassifier", ["OrdinalEncoder", "OneHotEncoder"]),
        ({"low": [-1.0, 2.0] * 100}, "MultinomialNB", ["MinMaxScaler"]),
    ],
)  # fmt: skip
def test_an_estimator_gets_what_it_needs_and_no_more(
    columns: dict[str, object], config: str, expected: list[str]
) -> None:
    rows = table(**columns)
    found = prepared(config if ":" in config else f"class: {config}", rows)
    assert steps(found) == expected
    assert bool(found.about) == bool(expected)
    fitted = fit(build(found.tree, 42), rows, "a.yaml").estimator
    assert len(fitted.predict(rows.part("test")[0])) == rows.count("test")


@pytest.mark.parametrize(
    "config",
    [
        "class: Pipeline\nparams: {steps: [[s, {class: MinMaxScaler}], [m, {class: SVC}]]}",
        "class: GridSearchCV\nparams: {estimator: {class: Pipeline, params: {steps: [[m, {class: SVC}]]}}, "
        "param_grid: {m__C: [1]}}",
        "class: HistGradientBoostingClassifier\nparams: {categorical_features: [1]}",
    ],
)
def test_a_config_that_brings_its_own_is_left_alone(config: str) -> None:
    rows = table(**WORDS, **GAPS)
    found = prepared(config, rows)
    assert (found.before, found.tree) == (None, candidate(config.encode()).estimator)
    assert prepared("class: SVC", rows, "none").before is None


def test_columns_that_hold_nothing_to_learn_from_are_left_out_and_named() -> None:
    rows = table(day=[f"2026-01-{n % 28 + 1:02}" for n in range(200)], note=[f"said {n}" for n in range(200)])
    found = prepared("class: RandomForestClassifier", rows)
    assert found.columns == ("x",)
    assert [line.partition(":")[0] for line in found.about] == ["day", "note"]
    fitted = fit(build(found.tree, 42), rows, "a.yaml").estimator
    features, _ = rows.part("test")
    np.testing.assert_array_equal(fitted.predict(features[["x"]]), fitted.predict(features))


def test_a_table_without_a_column_to_learn_from_is_explained() -> None:
    days = pd.date_range("2026-01-01", periods=200)
    frame = pd.DataFrame({"note": [f"said {n}" for n in range(200)], "day": days, "kind": ["a", "b"] * 100})
    with pytest.raises(UserError, match=r"no column to learn from \('note': free text.*; 'day': dates: left out"):
        prepared("class: SVC", part_rows(frame, TABLE))


def test_a_word_that_training_has_not_seen_is_like_none_and_none_is_like_a_gap(tmp_path: Path) -> None:
    rows = penguins(tmp_path)
    found = prepare(candidate(b"class: LogisticRegression").estimator, PENGUINS.data, rows)
    before = fit(build(found.tree, 42), rows, "a.yaml").estimator.named_steps["prepare"]
    row = rows.part("train")[0].iloc[[0]].astype(object)
    gap, none, unseen, male = (
        before.transform(row.assign(sex=pd.Series([value], row.index, dtype=object)))
        for value in (np.nan, None, "neither", "male")
    )
    np.testing.assert_array_equal(gap, none)
    np.testing.assert_array_equal(gap, unseen)
    assert not np.array_equal(gap, male)


def test_the_digest_covers_what_goes_before_the_model_and_is_as_before_where_nothing_does() -> None:
    tree, line = candidate(b"class: DecisionTreeClassifier"), candidate(b"class: LogisticRegression")
    rows = table()
    assert prepared("class: DecisionTreeClassifier", rows).digested == "none"
    alone = digest(line, rows.digest, TABLE.split)
    scaled = digest(line, rows.digest, TABLE.split, prepared("class: LogisticRegression", rows).digested)
    assert alone != scaled
    assert alone == digest(line, rows.digest, TABLE.split, "none")
    assert digest(tree, rows.digest, TABLE.split) != alone


def test_what_is_typed_in_of_estimators_that_count_is_what_scikit_learn_says() -> None:
    positive = {cls.__name__ for name, cls in all_estimators("classifier") if name.endswith("NB") and _positive(cls)}
    assert positive == {path.rpartition(".")[2] for path in _COUNTING}


def _positive(cls: type) -> bool:
    return bool(get_tags(cls()).input_tags.positive_only)


def test_what_goes_before_can_be_written_by_hand(tmp_path: Path) -> None:
    rows = penguins(tmp_path)
    found = prepare(candidate(b"class: SVC").estimator, PENGUINS.data, rows)
    by_hand = candidate(repr(plain(found.tree)).replace("(", "[").replace(")", "]").encode())
    assert plain(by_hand.estimator) == plain(found.tree)
