"""What is shown and kept of the benchmarks: JSON, the table, Markdown, and on what it was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.figures import Aim, Figure
from benchmarks.machine import machine, versions

FIGURES = {
    "drop": [Figure("drop to served", "s", (4.0, 4.5, 5.5), aim=Aim("median", 5.0), percentiles=True)],
    "log": [Figure("one [candidate]", "s", (0.1, 0.2), "log_model(...)", (1.0, 4.0), Aim("ratio", 0.05))],
    "thousand": [Figure("peak memory", "MiB", (1234.5,), "joblib", (1000.0,))],
}


@pytest.fixture
def content() -> dict[str, Any]:
    on = {"cores": 2, "memory_gib": 24.0, "cpu": "A processor", "kernel": "Linux 6"}
    return report.result(
        "2026-01-01 12:00 UTC",
        on,
        {"python": "3.11", "commit": "abc"},
        quick=False,
        figures=FIGURES,
        failures={"large": "TimeoutError: too long"},
    )


def test_json_holds_every_figure_with_its_values_ratio_and_aim(content: dict[str, Any], tmp_path: Path) -> None:
    report.write(tmp_path / "results" / "a.json", content)
    kept = json.loads((tmp_path / "results" / "a.json").read_text())
    assert kept == content
    drop, log, memory = kept["figures"]
    assert drop["benchmark"] == "drop"
    assert drop["values"] == [4.0, 4.5, 5.5]
    assert drop["p50"] == drop["median"] == 4.5
    assert drop["p95"] == pytest.approx(5.4)
    assert drop["aim"] == {"of": "median", "at_most": 5.0, "met": True}
    assert log["baseline"] == {
        "name": "log_model(...)", "values": [1.0, 4.0], "median": 2.5, "min": 1.0, "max": 4.0,
    }  # fmt: skip
    assert log["ratio"] == pytest.approx(0.075)
    assert log["aim"]["met"] is False
    assert memory["aim"] is None
    assert kept["failures"] == {"large": "TimeoutError: too long"}


def test_table_shows_each_figure_beside_its_baseline(content: dict[str, Any]) -> None:
    console = Console(width=200, record=True, quiet=False)
    with console.capture() as shown:
        console.print(report.table(content))
    text = shown.get()
    assert "drop: drop to served" in text
    assert "4.5 s (4 - 5.5, p95 5.4)" in text
    assert "one [candidate]" in text  # no markup
    assert "log_model(...): 2.5 s (1 - 4)" in text
    assert "0.075 (13.3x less)" in text
    assert "ratio at most 0.05: missed" in text
    assert "1234 MiB" in text


def test_markdown_is_a_table_that_names_what_it_was_measured_on(content: dict[str, Any]) -> None:
    title, _, head, rule, *rows, _, failed = report.markdown(content).splitlines()
    assert "A processor, 2 cores, 24.0 GiB, Linux 6; python 3.11, commit abc" in title
    assert "Small" not in title
    assert len(rows) == len(FIGURES)
    assert {line.count("|") for line in (head, rule, *rows)} == {len(report.COLUMNS) + 1}
    assert rows[0].endswith("| at most 5: met |")
    assert failed == "`large` failed: TimeoutError: too long"


def test_small_sizes_are_said(content: dict[str, Any]) -> None:
    assert report.markdown(content | {"quick": True}).startswith("Small sizes, which prove nothing.")


def test_machine_and_versions_are_known() -> None:
    assert set(machine()) == {"cores", "memory_gib", "cpu", "kernel"}
    assert all(machine().values())
    assert {"python", "apache-airflow", "mlflow", "scikit-learn", "dropforge", "commit"} <= set(versions())
