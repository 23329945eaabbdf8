"""What editors are told of specs: nothing that is right is flagged, and what is flagged `check` refuses too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from dropforge.documents import UserError
from generator.json_schema import spec_schema
from generator.spec import read_spec
from tests.generator.specs import wine
from tests.mutations import mutated

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft7Validator(spec_schema())
DATA = {"source": "sklearn.datasets.load_wine", "target": "target"}
FULL = {
    "version": 1,
    "defaults": {"promote": {"stage": "Staging", "minimum": None}, "airflow": {"tags": ["a"], "queue": None}},
    "pipelines": {
        "wine": {
            "description": "d",
            "data": {"source": "a.csv", "target": "t", "id": "x", "split": {"test": 0.2, "holdout": 0.1, "seed": 3}},
            "train": {"watch": "w", "estimators": ["sklearn.*", "lightgbm.*"], "deny": ["*SVC"], "timeout_seconds": 5,
                      "memory_mb": 10, "max_grid": 5},
            "promote": {"schedule": "5m", "timezone": "UTC", "on_new_version": True, "metric": "accuracy",
                        "minimum": 0.5, "min_improvement": 0, "stage": "Staging", "alias": "best",
                        "guards": {"log_loss": {"max": 0.5}, "accuracy": {"min": 0.1, "max": None}}, "confidence": 0.9,
                        "slices": {"by": "x", "minimum": 0.5}, "approval": "required", "approval_timeout": "2h"},
            "host": {"enabled": False},
            "airflow": {"owner": "me", "tags": ["x"], "retries": 1, "retry_delay_seconds": 1.5, "pool": "p",
                        "queue": "q", "on_failure": {"a.B": {"x": 1}}, "on_promotion": {}},
        },
        "two": {"data": DATA},
    },
}  # fmt: skip
SEEDS = [FULL, *(yaml.safe_load((ROOT / path / "pipelines.yaml").read_text("utf-8")) for path in (".", "tests/stack"))]


def flagged(value: Any) -> list[str]:
    return [error.json_path for error in SCHEMA.iter_errors(value)]


def refused(value: Any, folder: Path) -> str:
    try:
        read_spec(folder / "pipelines.yaml", json.dumps(value))
    except UserError as error:
        return str(error)
    return ""


def test_the_specs_of_this_repository_are_not_flagged(tmp_path: Path) -> None:
    for spec in SEEDS:
        assert not refused(spec, tmp_path)
        assert flagged(spec) == []


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (wine(promote={"metrik": "f1"}), "$.pipelines.wine.promote"),
        (wine(promote={"metric": "F1 macro"}), "$.pipelines.wine.promote.metric"),
        (wine(promote={"stage": "Prod"}), "$.pipelines.wine.promote.stage"),
        (wine(promote={"schedule": "often"}), "$.pipelines.wine.promote.schedule"),
        (wine(promote={"alias": "v1"}), "$.pipelines.wine.promote.alias"),
        (wine(promote={"confidence": 95}), "$.pipelines.wine.promote.confidence"),
        (wine(promote={"guards": {"log_loss": {}}}), "$.pipelines.wine.promote.guards.log_loss"),
        (wine(promote={"approval": "yes"}), "$.pipelines.wine.promote.approval"),
        (wine(promote={"approval_timeout": "soon"}), "$.pipelines.wine.promote.approval_timeout"),
        (wine(data={"source": "wine.xlsx", "target": "t"}), "$.pipelines.wine.data.source"),
        (wine(data={"source": "a.csv"}), "$.pipelines.wine.data"),
        (wine(train={"timeout_seconds": 0}), "$.pipelines.wine.train.timeout_seconds"),
        (wine(train={"estimators": []}), "$.pipelines.wine.train.estimators"),
        (wine(airflow={"on_failure": {"Notifier": {}}}), "$.pipelines.wine.airflow.on_failure"),
        ({"version": 1, "pipelines": {"Wine": {"data": DATA}}}, "$.pipelines"),
        ({"version": 2, "pipelines": {"wine": {"data": DATA}}}, "$.version"),
        ({"version": 1, "pipelines": {"wine": {}}}, "$.pipelines.wine"),
        ({"pipelines": {"wine": {"data": DATA}}, "defaults": {}}, "$"),
    ],
)
def test_mistakes_are_flagged_in_their_place(spec: dict[str, Any], place: str, tmp_path: Path) -> None:
    assert flagged(spec) == [place]
    assert refused(spec, tmp_path)


def test_variables_parts_and_defaults_are_not_flagged() -> None:
    variables = {"promote": {"minimum": "${MIN:-0.8}", "stage": "${STAGE}", "on_new_version": "${SOON}"}}
    for spec in (
        wine(data={"source": "${DATA}", "target": "${T}", "split": {"test": "${TEST}"}}, **variables),
        {"pipelines": {"wine": {}}},  # in pipelines.d, where the data may come from the first file's defaults
        {"version": 1, "defaults": {"data": DATA}, "pipelines": {"wine": {}, "beer": {"train": None}}},
        {"version": 1, "defaults": None, "pipelines": {"wine": {"data": DATA}}},
        {"version": 1},  # the pipelines may all be in pipelines.d
    ):
        assert flagged(spec) == []


def test_a_mistake_in_defaults_is_refused_though_every_pipeline_overrules_it(tmp_path: Path) -> None:
    spec = wine(promote={"minimum": 0.5}) | {"defaults": {"promote": {"minimum": "high"}}}
    assert flagged(spec) == ["$.defaults"]
    assert "defaults.promote.minimum: 'high' is not a number" in refused(spec, tmp_path)


LEAVES = [
    None, True, False, 0, 1, -1, 2, 0.5, 1.5, 1e300, 2**40, "", "x", " x", "${V_NUMBER}", "${V_TEXT}", "${NO:-0.3}",
    "$${", "a.csv", "A.CSV", "sklearn.x", "sklearn.datasets.load_wine", "5m", "@daily", "@foo", "* * * * *", "0m",
    "v1", "Latest", "UTC", "F1", "Production", [], ["a"], [1], {}, {"a": 1}, {"a.B": {}}, {"test": 0.3}, "x" * 101,
]  # fmt: skip
WORDS = ["version", "defaults", "pipelines", "wine", "data", "source", "train", "airflow", "tags", "foo", "Wine", "a.B"]


@pytest.mark.slow  # 6 s: Cerberus looks at its own schema each time
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated(SEEDS, LEAVES, WORDS))
def test_what_is_flagged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    monkeypatch.setenv("V_NUMBER", "1")
    monkeypatch.setenv("V_TEXT", "text")
    if found := flagged(value):
        assert refused(value, tmp_path), found
