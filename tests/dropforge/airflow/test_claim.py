"""The log of `claim` ends with what was rejected, as it stands beside the config."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dropforge.airflow import notes, runs, tasks
from dropforge.settings import encode
from tests.dropforge.wine import WINE

BAD = b"class: SVC\nparams:\n  gama: 1\n  C: -1\n"


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `claim` asks of a run; outside of Airflow there is none."""
    now = datetime.now(UTC)
    run = SimpleNamespace(run_id="manual__1", run_after=now, start_date=now)
    context = {"run_id": run.run_id, "dag_run": run, "params": {}, "ti": SimpleNamespace(xcom_push=lambda **_: None)}
    for module in (tasks, notes, runs):
        monkeypatch.setattr(module, "get_current_context", lambda: context)
    return context


@pytest.mark.usefixtures("context")
def test_last_lines_of_the_log_are_what_stands_beside_the_rejected_configs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / WINE.train.watch
    folder.mkdir(parents=True)
    for name, content in {"a.yaml": BAD, "b.yaml": b"class: GaussianNB", "c.json": b"{"}.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (0, 0))  # whole, for nobody has written to it lately
    with caplog.at_level(logging.INFO):
        batches = tasks.claim(home=str(tmp_path), settings=encode(WINE))
    assert [batch["label"] for batch in batches] == ["b.yaml: GaussianNB"]
    texts = [(folder / "rejected" / f"{name}.error.txt").read_text() for name in ("a.yaml", "c.json")]
    expected = "".join(texts).splitlines()
    assert expected[0] == "a.yaml:3:3: params.gama: SVC has no parameter 'gama'"
    assert expected[1:4] == ["    3 |   gama: 1", "      |   ^^^^", "    Did you mean 'gamma'?"]
    assert any(line.startswith("c.json:1:") for line in expected)
    assert [record.getMessage() for record in caplog.records][-len(expected) :] == expected
