"""How sure a score is: counts of alike rows tell the same as the rows, and luck wins no more than its share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import get_scorer

from dropforge.promotion import bootstrap
from dropforge.promotion.answers import Answers, Score
from dropforge.promotion.bootstrap import compare, interval

BY_LABELS = sorted(bootstrap._BY_LABELS)


class Fixed:
    """A classifier that gives the answers that it was given."""

    def __init__(self, predicted, proba=None):
        self.predicted = np.asarray(predicted)
        self.classes_ = np.unique(self.predicted)
        if proba is not None:
            self.classes_ = np.arange(proba.shape[1])
            self.predict_proba = lambda features: proba

    def predict(self, features):
        return self.predicted


def answers(predicted, proba=None):
    return Answers(Fixed(predicted, proba), pd.DataFrame(index=range(len(predicted))))


def wrong_in(target, share, random):
    """Return the target with a share of the labels exchanged."""
    return np.where(random.random(len(target)) < share, (target + 1) % 3, target)


labels = st.lists(st.tuples(*[st.sampled_from("abcd")] * 2), min_size=1, max_size=30)


@settings(deadline=None)
@given(labels, st.sampled_from(BY_LABELS))
def test_a_metric_of_counts_is_the_scorer_s(pairs, metric):
    target, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    asked = np.unique(np.concatenate([target, predicted]))
    table = np.zeros((1, len(asked), len(asked)))
    for true, said in pairs:
        table[0, np.searchsorted(asked, true), np.searchsorted(asked, said)] += 1
    score = Score(metric, target)
    assert bootstrap._BY_LABELS[metric](table)[0] == pytest.approx(
        score.quietly(answers(predicted), np.arange(len(target)))
    )


@pytest.mark.parametrize("metric", ["f1_macro"])
def test_draws_of_counts_have_the_spread_of_draws_of_rows(metric, monkeypatch):
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 120)
    score, first = Score(metric, target), answers(wrong_in(target, 0.2, random))
    quick = interval(score, first)
    monkeypatch.setattr(bootstrap, "_BY_LABELS", {})
    monkeypatch.setattr(bootstrap, "_SLOW_INTERVAL_DRAWS", 400)
    assert interval(score, first) == pytest.approx(quick, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["neg_log_loss", "roc_auc_ovr", "matthews_corrcoef", "f1_micro"])
def test_any_scorer_can_be_drawn(metric, monkeypatch):
    monkeypatch.setattr(bootstrap, "DRAWS", 200)
    monkeypatch.setattr(bootstrap, "_ENOUGH", 10)
    random = np.random.default_rng(1)
    target = random.integers(0, 3, 90)
    proba = np.eye(3)[wrong_in(target, 0.15, random)] * 0.7 + 0.1
    mine = answers(proba.argmax(axis=1), proba)
    low, high = interval(Score(metric, target), mine)
    value = get_scorer(metric)(mine, np.arange(90), target)
    assert low < value < high
    worse = np.full_like(proba, 1 / 3)
    evidence = compare(Score(metric, target), answers(worse.argmax(axis=1), worse), mine, 0.95, 1)
    assert evidence.holds, evidence.said


def test_a_clear_lead_holds_and_no_lead_does_not():
    random = np.random.default_rng(2)
    target = random.integers(0, 3, 300)
    good, bad = answers(wrong_in(target, 0.05, random)), answers(wrong_in(target, 0.3, random))
    score = Score("f1_macro", target)
    assert compare(score, bad, good, 0.95, 1).holds
    assert not compare(score, good, bad, 0.95, 1).holds
    same = compare(score, good, good, 0.95, 1)
    assert not same.holds
    assert "its lead may be chance" in same.said


def test_the_same_rows_are_drawn_each_time():
    random = np.random.default_rng(3)
    target = random.integers(0, 3, 200)
    first, second = (answers(wrong_in(target, share, random)) for share in (0.2, 0.16))
    assert compare(Score("accuracy", target), first, second, 0.9, 3) == compare(
        Score("accuracy", target), first, second, 0.9, 3
    )


@pytest.mark.slow
def test_draws_without_a_value_speak_against_the_challenger():
    target = np.array([0] * 29 + [1])  # in a third of the draws there is no row of class 1, and so no ROC AUC
    sure = np.stack([1 - target, target], axis=1).astype(float)
    coin = np.full((30, 2), 0.5)
    score = Score("roc_auc", target)
    assert not compare(score, answers(target, coin), answers(target, sure), 0.95, 1).holds


@pytest.mark.slow
@pytest.mark.parametrize("tried", [1, 10])
def test_the_best_of_several_that_are_no_better_wins_no_more_than_its_share(tried):
    """100 worlds in which all are equally good: the best challenger is lucky, and is found out in 95 % of them."""
    wins = 0
    for world in range(100):
        random = np.random.default_rng(world)
        target = random.integers(0, 3, 250)
        champion = answers(wrong_in(target, 0.2, random))
        challengers = [answers(wrong_in(target, 0.2, random)) for _ in range(tried)]
        score = Score("accuracy", target)
        best = max(challengers, key=score)
        wins += compare(score, champion, best, 0.95, tried).holds
    assert wins <= 12  # 5 are to be expected; more than 12 has a chance of about 1 in 1,000


def test_the_correction_keeps_the_best_of_ten_from_winning_by_luck():
    wins = {1: 0, 10: 0}
    for world in range(60):
        random = np.random.default_rng(world)
        target = random.integers(0, 3, 250)
        champion, *challengers = (answers(wrong_in(target, 0.2, random)) for _ in range(11))
        score = Score("accuracy", target)
        best = max(challengers, key=score)
        for tried in wins:
            wins[tried] += compare(score, champion, best, 0.95, tried).holds
    assert wins[1] >= wins[10] + 4, wins
