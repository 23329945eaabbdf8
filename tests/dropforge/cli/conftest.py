"""Commands through their real entry, in a project of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dropforge.cli.main import main
from tests.dropforge.cli.commands import SPEC, Result, Run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, which is the current one; no store is there unless a test asks for one."""
    (tmp_path / "pipelines.yaml").write_text(SPEC)
    (tmp_path / "configs" / "wine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, as `dropforge ...` does; no terminal cuts its tables."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        return Result(int(code or 0), *capsys.readouterr())

    return run
