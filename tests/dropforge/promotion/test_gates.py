"""Each gate is a line: what was measured, and what is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.promotion import promote
from dropforge.promotion.gates import judge
from dropforge.promotion.validate import from_tags, measure, outdated, to_score, validate
from dropforge.registry import Store
from dropforge.registry.measured import Measured, Sliced, measured_of
from dropforge.settings import Bounds, Slices
from tests.dropforge.wine import WINE, crown, promoting, register_copy, version_of

SOUND = "it loads, fits the data, and predicts known classes"


def lines(measured: Measured, **settings: object) -> list[tuple[str, bool, str]]:
    return [(gate.name, gate.passed, gate.said) for gate in judge(measured, promoting(**settings).promote)]


def test_every_gate_is_a_line_whether_it_is_passed_or_not() -> None:
    measured = Measured(
        "d", "f1_macro", 0.75, guards={"log_loss": 0.61, "predict_ms": 1.5, "size_mb": 2.0, "accuracy": 0.8},
        slices=Sliced("region", [("north", 0.5, 12), ("south", 0.9, 40)], 1),
    )  # fmt: skip
    guards = {
        "log_loss": Bounds(max=0.5),
        "predict_ms": Bounds(max=5),
        "size_mb": Bounds(max=1),
        "accuracy": Bounds(0.7, 0.9),
    }
    assert lines(measured, minimum=0.8, guards=guards, slices=Slices("region", 0.6)) == [
        ("sound", True, SOUND),
        ("minimum", False, "f1_macro is 0.7500, below the minimum 0.8"),
        ("log_loss", False, "log_loss is 0.61, above the limit 0.5"),
        ("predict_ms", True, "predict_ms is 1.5, allowed: at most 5"),
        ("size_mb", False, "size_mb is 2, above the limit 1"),
        ("accuracy", True, "accuracy is 0.8, allowed: at least 0.7 and at most 0.9"),
        (
            "slices",
            False,
            "f1_macro by 'region' is below 0.6 for north 0.5000 (12 rows); 1 too small or without a value are left out",
        ),
    ]


def test_nothing_that_is_no_number_passes_a_guard() -> None:
    measured = Measured("d", "f1_macro", 0.9, guards={"log_loss": float("nan")})
    assert [gate.passed for gate in judge(measured, promoting(guards={"log_loss": Bounds(max=1)}).promote)][-1] is False


def test_trouble_is_the_only_line() -> None:
    assert lines(Measured("d", "f1_macro", 0.9, trouble="it is gone")) == [("sound", False, "it is gone")]


@pytest.mark.parametrize(
    ("by", "least", "worst"), [("north", 0.5, "the worst is north 0.7000 (12 rows)"), ("none", 0.5, "no value of")]
)
def test_slices_name_the_worst(by: str, least: float, worst: str) -> None:
    found = [("north", 0.7, 12), ("south", 0.9, 40)] if by == "north" else []
    gate = judge(
        Measured("d", "f1_macro", 0.9, slices=Sliced("a", found)), promoting(slices=Slices("a", least)).promote
    )[-1]
    assert worst in gate.said
    assert gate.passed == bool(found)


def test_guards_are_measured_on_the_registered_artifact(store: Store, rows: Rows) -> None:
    guards = {"log_loss": Bounds(max=5), "predict_ms": Bounds(max=1e9), "size_mb": Bounds(max=50)}
    pipeline = promoting(guards=guards)
    found = validate(store, pipeline, rows, version_of(store, 3))
    assert found.passed, found.reasons
    assert found.measured is not None
    values = found.measured.guards
    assert 0 < values["size_mb"] < 1
    assert values["predict_ms"] > 0
    assert 0 < values["log_loss"] < 5
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert from_tags(pipeline.promote, rows, version_of(store, 3)) == found
    assert [gate.name for gate in found.gates] == ["sound", "minimum", "log_loss", "predict_ms", "size_mb"]


def test_slices_are_measured_by_the_values_of_a_column(store: Store, rows: Rows) -> None:
    features = rows.features.assign(alcohol=rows.features["alcohol"].round(0))
    coarse = replace(rows, features=features, holdout_digest="coarse")
    found = measure(store, promoting(slices=Slices("alcohol", 0.99)), coarse, version_of(store, 3))
    assert found.measured is not None
    assert found.measured.slices is not None
    sliced = found.measured.slices
    assert {label for label, _, _ in sliced.worst} <= {"11.0", "12.0", "13.0", "14.0", "15.0"}
    assert sliced.left_out > 0
    assert [value for _, value, _ in sliced.worst] == sorted(value for _, value, _ in sliced.worst)
    assert any("f1_macro by 'alcohol' is below 0.99" in reason for reason in found.reasons)


@pytest.mark.parametrize(("by", "said"), [("region", "there is no column 'region'"), ("alcohol", "has 126 values")])
def test_a_column_that_cannot_be_sliced_by_is_the_spec_s_mistake(store: Store, rows: Rows, by: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        measure(store, promoting(slices=Slices(by, 0.5)), rows, version_of(store, 3))
    assert version_of(store, 3).tags["validation_status"] == "pending"


def test_a_guard_that_is_new_is_measured_of_what_was_validated_before(store: Store, rows: Rows) -> None:
    validate(store, WINE, rows, version_of(store, 3))
    guarded = promoting(guards={"log_loss": Bounds(max=0.0001)})
    assert from_tags(guarded.promote, rows, version_of(store, 3)) is None
    decision = promote(store, guarded, rows, None)
    assert any("log_loss is" in reason for c in decision.candidates for reason in c.reasons)


def test_without_evidence_the_champion_stays(store: Store, rows: Rows) -> None:
    crown(store, 3)
    sure = promoting(confidence=0.95)
    decision = promote(store, sure, rows, None)  # 1.00 against 0.94 on 36 rows is no evidence
    assert decision.champion == "3"
    assert "version 3 stays: version 2 has f1_macro 1.0000 against 0.93" in decision.verdict
    assert "its lead may be chance" in decision.verdict
    tags = version_of(store, 2).tags
    assert (tags["validation_status"], tags["decision"]) == ("passed", "not promoted")
    assert "its lead may be chance" in tags["decision_reasons"]


def test_with_evidence_the_challenger_wins(store: Store, rows: Rows) -> None:
    crown(store, 1)
    decision = promote(store, promoting(confidence=0.95), rows, None)
    assert decision.champion == "2"
    (line,) = [gate.said for gate in decision.candidates[0].gates if gate.name == "evidence"]
    assert line.startswith("better than the champion in all but 0.05% of the draws: 0.95 sure, corrected for 2")


def test_where_the_holdout_changed_the_champion_and_the_five_best_are_scored_anew_and_no_more(
    store: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    for number in range(6):
        register_copy(store, 3, tmp_path / str(number))
    promote(store, WINE, rows, None)  # version 2; the copies 4 to 9 and 3 are as good as each other
    aside = version_of(store, 3)
    store.tag(aside, {"decision": "rolled back"})
    changed = replace(rows, holdout_digest="changed")
    champion = version_of(store, 2)
    assert [v.version for v in outdated(store, WINE, changed, champion)] == ["4", "5", "6", "7", "8"]
    assert [v.version for v in to_score(store, WINE, changed)] == ["4", "5", "6", "7", "8"]
    for version in to_score(store, WINE, changed)[:3]:  # as the mapped tasks do, some of which may die
        validate(store, WINE, changed, version)
    decision = promote(store, WINE, changed, None)
    assert sorted(c.version for c in decision.candidates) == ["4", "5", "6", "7", "8"]
    assert decision.champion == "2"
    anew = [v.version for v in store.search("wine", {}) if measured_of(v).holdout == "changed"]
    assert sorted(anew) == ["2", "4", "5", "6", "7", "8"]
    assert promote(store, WINE, changed, None).verdict == "no new version; version 2 stays"


def test_another_metric_may_make_another_champion_of_those_that_were_decided(store: Store, rows: Rows) -> None:
    crown(store, 3)
    validate(store, WINE, rows, version_of(store, 3))
    validate(store, WINE, rows, version_of(store, 2))
    store.tag(version_of(store, 2), {"decision": "not promoted"})
    store.tag(version_of(store, 1), {"decision": "not promoted"})
    decision = promote(store, promoting(metric="accuracy"), rows, None)
    assert (decision.champion, decision.previous) == ("2", "3")
