"""What is proposed for a table: split, metric and minimum; and why nothing can be."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer

from dropforge.data.rows import part_rows
from dropforge.documents import UserError
from dropforge.settings import Data
from dropforge.start.proposal import propose
from dropforge.start.target import candidates, evident
from dropforge.start.text import spec_text
from tests.dropforge.start.tables import customers, written


def proposed(target, **columns):
    return propose("p", "p.csv", pd.DataFrame({"x": range(len(target)), **columns, "t": target}), "t")


def parted(proposal, frame):
    return part_rows(frame, Data(proposal.source, proposal.target, proposal.id, proposal.split))


@pytest.mark.parametrize(
    ("counts", "metric"),
    [((60, 50), "accuracy"), ((90, 10), "balanced_accuracy"), ((40, 40, 40), "accuracy"), ((80, 30, 10), "f1_macro")],
)
def test_the_metric_fits_the_classes_and_guessing_does_not_reach_the_minimum(counts, metric):
    labels = [name for name, count in zip("abc", counts, strict=False) for _ in range(count)]
    proposal = proposed(labels)
    assert proposal.metric == metric
    rows = np.zeros((len(labels), 1))
    guess = get_scorer(metric)(DummyClassifier().fit(rows, labels), rows, labels)
    assert proposal.guess == pytest.approx(guess)
    assert guess < proposal.minimum < guess + 0.021


def test_a_seed_is_found_under_which_training_takes_rare_classes():
    labels = ["often"] * 200 + ["rare"] * 4 + ["rarer"] * 3
    proposal = proposed(labels)
    assert proposal.split.seed != 42
    frame = pd.DataFrame({"x": range(207), "t": labels})
    rows = parted(proposal, frame)
    assert all(set(rows.part(part)[1]) == {"often", "rare", "rarer"} for part in ("train", "test", "holdout"))
    with pytest.raises(UserError, match="too small for the parts"):
        parted(replace(proposal, split=replace(proposal.split, seed=42)), frame)


def test_an_id_keeps_the_rows_and_is_not_learned_from():
    frame = pd.read_csv(io.StringIO(written(customers())))
    proposal = propose("c", "c.csv", frame, "bought")
    assert proposal.id == "customer_id"
    assert "customer_id" not in {column.name for column in proposal.columns}
    assert parted(proposal, frame).count("train") > 50


def test_what_a_row_is_identifies_it_rather_than_where_it_stood():
    frame = pd.read_csv(io.StringIO(written(customers().reset_index())))
    proposal = propose("c", "c.csv", frame, "bought")
    assert proposal.id == "customer_id"
    assert [column.kind for column in proposal.columns if column.name == "index"] == ["identifier"]
    assert "exclude: [index, since, price, note]" in spec_text(proposal)


def test_many_rows_get_smaller_parts_and_slow_estimators_are_denied():
    proposal = proposed(np.arange(100_001) % 2)
    assert (proposal.split.test, proposal.split.holdout) == (0.1, 0.1)
    assert "sklearn.svm.SVC" in proposal.deny
    assert proposed([0, 1] * 50).deny == ()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (["a"] * 50, "fewer than two classes"),
        (np.linspace(0, 1, 50), "holds quantities"),
        (range(300), "holds quantities"),
        (pd.date_range("2024-01-01", periods=50), "holds dates"),
        ([f"name {n}" for n in range(50)], "50 classes in 50 rows"),
        (["a"] * 48 + ["b"] * 2, "fewer than 3 different rows have the class b"),
        (["a", 1] * 25, "mixes numbers and text"),
        ([True, False, None] * 20, "true or false with gaps"),
    ],
)
def test_why_a_column_cannot_be_predicted(target, message):
    with pytest.raises(UserError, match=message) as caught:
        proposed(target)
    assert caught.value.problems[0].remedy


def test_same_rows_count_once():
    with pytest.raises(UserError, match="fewer than 3 different rows"):
        proposed(["a"] * 48 + ["b"] * 12, x=[*range(48), *[1, 2] * 6])


def test_no_column_to_learn_from_is_said_column_by_column():
    frame = pd.DataFrame({"day": ["2024-01-01", "2024-01-02"] * 30, "t": [0, 1] * 30})
    with pytest.raises(UserError, match="no column to learn from") as caught:
        propose("p", "p.csv", frame, "t")
    assert "'day': dates" in caught.value.problems[0].remedy


def test_the_evident_target_and_those_that_could_be_it():
    assert evident(pd.DataFrame({"a": [1], " Target ": [1]})) == " Target "
    assert evident(pd.DataFrame({"class": [1], "label": [1]})) is None
    assert candidates(customers()) == ["bought", "visits", "member", "city"]
