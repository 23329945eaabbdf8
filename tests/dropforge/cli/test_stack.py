"""The stack's commands, without a stack: status, down, up and serve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dropforge.cli.commands import BEER, CHANGED, SPEC, Result, Run


def test_status_says_that_nothing_runs_and_ends_with_1(run: Run, home: Path) -> None:
    result = run("status")
    assert result.code == 1
    assert "the stack is down: 'dropforge up' starts it" in result.out
    assert "wine: not generated yet: is new\n    Run 'dropforge generate'.\n" in result.out
    run("generate")
    assert "dags_generated is what the spec says\n" in run("status").out
    told = run("status", "--json")
    assert told.code == 1
    assert told.json == {"running": False, "addresses": {}, "parts": {}, "drift": [], "mistakes": []}


def test_status_tells_a_changed_spec_an_edited_file_and_a_mistake(run: Run, home: Path) -> None:
    run("generate")
    (home / "pipelines.yaml").write_text(CHANGED)
    assert run("status", "--json").json["drift"] == [{
        "kind": "spec", "pipeline": "wine", "remedy": "Run 'dropforge generate'.",
        "message": "not generated yet: promotion every 1 min -> hourly; promote.minimum 0.8 -> 0.7",
    }]  # fmt: skip
    (home / "dags_generated" / "wine.py").write_text("# mine\n")
    (drift,) = run("status", "--json").json["drift"]
    assert drift["kind"] == "edited"
    assert "wine.py was edited by hand" in drift["message"]
    (home / "pipelines.yaml").write_text("version: 1\n")
    told = run("status", "--json").json
    assert told["drift"] == []
    assert "the key 'pipelines' is missing" in told["mistakes"][0]


def test_down_without_a_stack_says_so(run: Run) -> None:
    assert run("down") == Result(0, "no stack was up\n", "")


@pytest.mark.parametrize("command", ["serve", "up"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "example.com", ""])  # noqa: S104
def test_address_that_others_can_reach_is_refused(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, command: str, host: str
) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError(f"{command} starts on {host}")

    monkeypatch.setattr("dropforge.serving.run.serve", started)
    monkeypatch.setattr("dropforge.stack.supervisor.Supervisor.run", started)
    result = run(command, "--host", host)
    assert result.code == 1
    assert "can be reached from outside" in result.err
    assert "use 127.0.0.1" in result.err.lower()
    assert not (home / ".dropforge").exists()


def test_serve_binds_such_an_address_where_requests_must_bear_a_token(
    run: Run, serving: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DROPFORGE_TOKEN", "secret")
    assert run("serve", "--host", "0.0.0.0").code == 0  # noqa: S104
    assert (serving[0][2], serving[0][5]) == ("0.0.0.0", "secret")  # noqa: S104
    monkeypatch.setenv("DROPFORGE_TOKEN", "")
    assert run("serve", "--host", "0.0.0.0").code == 1  # noqa: S104


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the model server is started with."""
    started: list[Any] = []
    monkeypatch.setattr("dropforge.serving.run.serve", lambda *arguments: started.append(arguments))
    return started


def names(pipelines: Callable[[], Any]) -> list[str]:
    return [pipeline.name for pipeline in pipelines()]


def test_serve_takes_what_was_generated_and_takes_a_new_generation_up(run: Run, home: Path, serving: list[Any]) -> None:
    run("generate")
    (home / "pipelines.yaml").write_text("a typo: [")
    assert run("serve", "--port", "7").code == 0
    ((project, pipelines, host, port, _, token, _),) = serving
    assert (project.home, host, port, token) == (home, "127.0.0.1", 7, None)
    assert names(pipelines) == ["wine"]
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    assert names(pipelines) == ["wine"]
    run("generate")
    assert names(pipelines) == ["beer", "wine"]


def test_serve_takes_the_spec_where_nothing_was_generated(run: Run, home: Path, serving: list[Any]) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    assert run("serve").code == 0
    assert names(serving[0][1]) == ["wine", "beer"]


def test_serve_with_names_serves_only_those(run: Run, home: Path, serving: list[Any]) -> None:
    (home / "pipelines.yaml").write_text(SPEC + BEER)
    run("generate")
    assert run("serve", "beer").code == 0
    assert names(serving[0][1]) == ["beer"]
    (home / "pipelines.yaml").write_text(SPEC)
    run("generate")
    assert names(serving[0][1]) == []
    result = run("serve", "beer")
    assert result.code == 1
    assert "there is no pipeline 'beer'" in result.err
    assert len(serving) == 1


def test_serve_of_a_pipeline_that_is_not_hosted_is_a_mistake_only_if_it_is_named(
    run: Run, home: Path, serving: list[Any]
) -> None:
    (home / "pipelines.yaml").write_text(SPEC + "    host: {enabled: false}\n")
    for _ in ("by the spec", "by what was generated"):
        result = run("serve", "wine")
        assert (result.code, result.out) == (1, "")
        assert "the pipeline 'wine' is not hosted" in result.err
        assert "host.enabled" in result.err
        run("generate")
    assert serving == []
    assert run("serve").code == 0
    assert len(serving) == 1
