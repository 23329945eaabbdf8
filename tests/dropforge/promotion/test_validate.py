"""Scoring registered versions on the holdout rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.metrics import f1_score, get_scorer

from dropforge.data import Rows
from dropforge.promotion import pending, validate
from dropforge.promotion.validate import from_tags, measure
from dropforge.registry import Store
from dropforge.registry.models import load
from tests.dropforge.wine import WINE, promoting, register_copy, version_of


def test_pending_versions_come_oldest_first_and_leave_after_validation(store: Store, rows: Rows) -> None:
    assert [version.version for version in pending(store, WINE)] == ["1", "2", "3"]
    validate(store, WINE, rows, version_of(store, 2))
    assert [version.version for version in pending(store, WINE)] == ["1", "3"]


def test_value_is_of_the_holdout_rows_and_of_the_registered_artifact(store: Store, rows: Rows) -> None:
    features, target = rows.part("holdout")
    version = version_of(store, 3)
    expected = f1_score(target, load(store, version).estimator.predict(features), average="macro")
    validation = validate(store, WINE, rows, version)
    assert validation.value == pytest.approx(expected)
    assert validation.passed
    tags = version_of(store, 3).tags
    assert tags["validation_status"] == "passed"
    assert float(tags["holdout_f1_macro"]) == validation.value
    assert "validation_reasons" not in tags


def test_version_below_the_minimum_fails_with_the_reason(store: Store, rows: Rows) -> None:
    validation = validate(store, WINE, rows, version_of(store, 1))
    assert not validation.passed
    tags = version_of(store, 1).tags
    assert tags["validation_status"] == "failed"
    assert tags["validation_reasons"] == f"f1_macro is {validation.value:.4f}, below the minimum 0.8"


def test_no_minimum_lets_any_value_pass(store: Store, rows: Rows) -> None:
    assert measure(store, promoting(minimum=None), rows, version_of(store, 1)).passed


@pytest.mark.parametrize("metric", ["neg_log_loss", "matthews_corrcoef", "roc_auc_ovr"])
def test_any_scorer_decides_with_its_own_sign(store: Store, rows: Rows, metric: str) -> None:
    settings = promoting(metric=metric, minimum=-10.0)
    validate(store, settings, rows, version_of(store, 3))
    estimator = load(store, version_of(store, 3)).estimator
    expected = get_scorer(metric)(estimator, *rows.part("holdout"))
    assert float(version_of(store, 3).tags[f"holdout_{metric}"]) == pytest.approx(expected)


def test_metric_that_does_not_fit_fails_the_version_with_the_reason(store: Store, rows: Rows) -> None:
    validation = measure(store, promoting(metric="roc_auc"), rows, version_of(store, 3))
    assert validation.value is None
    assert "it cannot be scored: ValueError: multi_class must be in" in validation.reasons[0]


@pytest.mark.filterwarnings("ignore:D.2 score is not well-defined")
def test_value_that_is_no_number_is_none_with_the_reason(store: Store, rows: Rows) -> None:
    parts = {**rows.parts, "holdout": slice(0, 1)}  # one row is too few for this metric
    settings = promoting(metric="d2_log_loss_score")
    validation = measure(store, settings, replace(rows, parts=parts), version_of(store, 3))
    assert validation.value is None
    assert validation.reasons == ("d2_log_loss_score is nan",)


def test_data_that_lost_a_column_fails_the_version(store: Store, rows: Rows) -> None:
    narrower = replace(rows, features=rows.features.drop(columns="alcohol"))
    (reason,) = measure(store, WINE, narrower, version_of(store, 3)).reasons
    assert "it cannot be scored" in reason
    assert "alcohol" in reason


def test_class_that_the_data_does_not_have_fails_the_version(store: Store, rows: Rows) -> None:
    renamed = replace(rows, target=rows.target.map({0: 10, 1: 1, 2: 2}))
    (reason,) = measure(store, WINE, renamed, version_of(store, 3)).reasons
    assert "it predicts classes that no row has" in reason


def test_damaged_artifact_fails_the_version(store: Store, rows: Rows, tmp_path: Path) -> None:
    version, folder = register_copy(store, 2, tmp_path / "copy")
    (folder / "model.skops").unlink()
    validation = validate(store, WINE, rows, version)
    assert validation.value is None
    tags = version_of(store, version.version).tags
    assert tags["validation_status"] == "failed"
    assert "model.skops" in tags["validation_reasons"]
    assert "holdout_f1_macro" not in tags


@pytest.mark.parametrize("number", [1, 3])
def test_tags_tell_the_validation_again(store: Store, rows: Rows, number: int) -> None:
    validation = validate(store, WINE, rows, version_of(store, number))
    assert from_tags(WINE.promote, rows, version_of(store, number)) == validation


def test_tags_of_other_rows_or_another_metric_do_not_count(store: Store, rows: Rows) -> None:
    validate(store, WINE, rows, version_of(store, 3))
    version = version_of(store, 3)
    assert from_tags(WINE.promote, replace(rows, holdout_digest="other"), version) is None
    assert from_tags(promoting(metric="accuracy").promote, rows, version) is None


def test_version_that_failed_on_old_data_may_pass_on_new(store: Store, rows: Rows) -> None:
    narrower = replace(rows, features=rows.features.drop(columns="alcohol"), holdout_digest="narrower")
    assert not validate(store, WINE, narrower, version_of(store, 3)).passed
    assert validate(store, WINE, rows, version_of(store, 3)).passed
    assert from_tags(WINE.promote, rows, version_of(store, 3)).passed
