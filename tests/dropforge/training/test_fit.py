"""Fitting: on the training rows only, and what goes wrong is the candidate's failure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from dropforge.data import Part, Rows
from dropforge.documents import UserError
from dropforge.training.fit import fit


@pytest.mark.parametrize("part", ["test", "holdout"])
def test_rows_of_the_other_parts_leave_no_trace_in_the_model(rows: Rows, part: Part) -> None:
    features, target = rows.features.copy(), rows.target.copy()
    features.iloc[rows.parts[part]] = 1e9
    target.iloc[rows.parts[part]] = 0
    poisoned = replace(rows, features=features, target=target)
    clean = fit(LogisticRegression(max_iter=20), rows, "a.yaml").estimator
    same = fit(LogisticRegression(max_iter=20), poisoned, "a.yaml").estimator
    np.testing.assert_array_equal(same.coef_, clean.coef_)


def test_rows_of_the_training_part_do_leave_one(rows: Rows) -> None:
    features = rows.features.copy()
    features.iloc[rows.parts["train"]] *= 2
    clean = fit(LogisticRegression(max_iter=20), rows, "a.yaml").estimator
    other = fit(LogisticRegression(max_iter=20), replace(rows, features=features), "a.yaml").estimator
    assert not np.array_equal(other.coef_, clean.coef_)


def test_warning_is_kept_once_however_often_it_is_given(rows: Rows) -> None:
    class Chatty(DecisionTreeClassifier):
        def fit(self, *args: object, **kwargs: object) -> Chatty:
            import warnings

            for _ in range(3):
                warnings.warn("again", RuntimeWarning, stacklevel=1)
            return super().fit(*args, **kwargs)

    assert fit(Chatty(), rows, "a.yaml").warnings == ("RuntimeWarning: again",)


def test_fit_failure_says_what_scikit_learn_said_and_where(rows: Rows) -> None:
    with pytest.raises(UserError, match=r"the fit failed: InvalidParameterError: .*n_estimators.*") as raised:
        fit(RandomForestClassifier(n_estimators=-1), rows, "forest.yaml")
    (problem,) = raised.value.problems
    assert problem.file == "forest.yaml"
    assert problem.remedy


def test_columns_that_a_model_cannot_take_are_named_with_what_goes_before_it(rows: Rows) -> None:
    gaps = rows.features.copy()
    gaps.iloc[:, :5] = gaps.iloc[:, :5].where(gaps.iloc[:, :5] > gaps.iloc[:, :5].median())
    texts = rows.features.assign(city="Bonn")
    for features, words in (
        (texts, ("ColumnTransformer", "(city)")),
        (gaps, ("SimpleImputer", "alcohol, malic_acid, ash, ...")),
    ):
        with pytest.raises(UserError) as raised:
            fit(LogisticRegression(), replace(rows, features=features), "a.yaml")
        for word in words:
            assert word in raised.value.problems[0].remedy
