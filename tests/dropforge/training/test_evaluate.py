"""Measuring on the test rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.training.evaluate import evaluate
from dropforge.training.fit import fit

ALWAYS = {
    "test_accuracy", "test_balanced_accuracy",
    "test_precision_macro", "test_recall_macro", "test_f1_macro",
    "test_precision_weighted", "test_recall_weighted", "test_f1_weighted",
}  # fmt: skip


def test_estimator_without_probabilities_has_no_log_loss_and_no_roc_auc(rows: Rows) -> None:
    fitted = fit(LinearSVC(max_iter=10), rows, "a.yaml").estimator
    assert set(evaluate(fitted, rows, "f1_macro", "a.yaml").metrics) == ALWAYS


@pytest.mark.parametrize("metric", ["neg_log_loss", "matthews_corrcoef", "roc_auc_ovo"])
def test_metric_of_the_spec_is_measured_beside_the_usual_ones(rows: Rows, metric: str) -> None:
    fitted = fit(DecisionTreeClassifier(max_depth=2), rows, "a.yaml").estimator
    measured = evaluate(fitted, rows, metric, "a.yaml").metrics
    assert set(measured) == ALWAYS | {"test_log_loss", "test_roc_auc", f"test_{metric}"}
    if metric == "neg_log_loss":
        assert measured["test_neg_log_loss"] == pytest.approx(-measured["test_log_loss"])


def test_two_classes_that_are_words_are_measured_too(rows: Rows) -> None:
    two = replace(rows, target=rows.target.map({0: "red", 1: "white", 2: "white"}))
    fitted = fit(DecisionTreeClassifier(max_depth=2), two, "a.yaml").estimator
    features, target = two.part("test")
    shares = fitted.predict_proba(features)
    measured = evaluate(fitted, two, "f1_macro", "a.yaml").metrics
    assert measured["test_log_loss"] == pytest.approx(log_loss(target, shares))
    assert measured["test_roc_auc"] == pytest.approx(roc_auc_score(target == "white", shares[:, 1]))


def test_only_the_test_rows_count(rows: Rows) -> None:
    fitted = fit(DecisionTreeClassifier(max_depth=2), rows, "a.yaml").estimator
    others = rows.target.copy()
    others.iloc[rows.parts["train"]] = 0
    others.iloc[rows.parts["holdout"]] = 0
    shuffled = replace(rows, target=others)
    measured = [evaluate(fitted, some, "f1_macro", "a.yaml").metrics for some in (rows, shuffled)]
    assert measured[0] == measured[1]


def test_metric_that_does_not_fit_is_a_message_that_names_it(rows: Rows) -> None:
    fitted = fit(LinearSVC(max_iter=10), rows, "a.yaml").estimator
    with pytest.raises(UserError, match=r"cannot be measured.*\n.*'neg_log_loss'") as raised:
        evaluate(fitted, rows, "neg_log_loss", "a.yaml")
    assert raised.value.problems[0].file == "a.yaml"


def test_class_that_is_never_predicted_counts_as_zero(rows: Rows) -> None:
    fitted = fit(DummyClassifier(), rows, "a.yaml").estimator
    evaluation = evaluate(fitted, rows, "f1_macro", "a.yaml")
    assert len(np.unique(evaluation.predicted)) == 1
    assert 0 < evaluation.metrics["test_f1_macro"] < 0.5


def test_metric_that_does_not_fit_the_data_is_said_at_the_first_candidate(rows: Rows) -> None:
    fitted = fit(DecisionTreeClassifier(max_depth=2), rows, "a.yaml").estimator
    with pytest.raises(UserError, match="another metric in the spec"):
        evaluate(fitted, rows, "roc_auc", "a.yaml")  # three classes: it wants roc_auc_ovr
