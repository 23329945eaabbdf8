"""The tutorial, walked from an empty folder as it stands in the page, with `dropforge` from the wheel."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.wheel import ROOT, build, install

PAGE = ROOT / "docs" / "tutorial.md"
LONGEST = 180.0
# Other things go on meanwhile: these are repeated until they show what the page shows.
LOOKS = ("dropforge versions", "dropforge status", "curl", "cat configs")
PARTS = ("airflow", "mlflow", "server")


@dataclass(frozen=True)
class Step:
    """A command of the page, and what it shows there."""

    command: str
    shown: str


def steps(page: str) -> Iterator[Step]:
    """Yield the commands in their order: each of a block ``console``, and each block ``sh`` as a whole."""
    for language, block in re.findall(r"^```(sh|console)\n(.*?)^```$", page, re.M | re.S):
        if language == "sh":
            yield Step(block, "")
        else:
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
                yield _step(part.splitlines(keepends=True))


def _step(lines: list[str]) -> Step:
    """Return a command with what it shows; it goes on over lines while a quote is open, and after a backslash."""
    for count in range(1, len(lines) + 1):
        command = "".join(lines[:count])
        if command.endswith("\\\n"):
            continue
        with contextlib.suppress(ValueError):
            shlex.split(command)
            return Step(command.rstrip("\n"), "".join(lines[count:]))
    raise ValueError(f"a quote is not closed: {lines[0]}")


def pattern(shown: str) -> re.Pattern[str]:
    """Return what an output must match: ``...`` stands for anything, a number for any, a gap for any gap."""
    parts = []
    for part in re.split(r"^\.\.\.\n|\.\.\.", shown.strip() + "\n", flags=re.M):
        words = [re.sub(r"\d+", r"\\d+", re.escape(word)) for word in re.split(r"[ \n]+", part.strip())]
        # Who trained first is champion for a moment, on a slow machine.
        parts.append(re.sub(r"\bNone\b", "(?:None|Archived)", r"\s+".join(words)))
    return re.compile(r"\s*" + r"[\s\S]*?".join(parts) + r"\s*")


class Walk:
    """Somebody who types the page's commands."""

    def __init__(self, folder: Path, commands: Path) -> None:
        foreign = ("DROPFORGE_", "MLFLOW_", "AIRFLOW_", "PYTHON")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        wide = "140"  # as the page shows its tables
        self.environment |= {"PATH": f"{commands}:{os.environ['PATH']}", "COLUMNS": wide}
        self.folder, self.place = folder, folder.with_suffix(".place")
        self.stack: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}

    def type(self, command: str) -> str:
        """Run a command where the last one left us, and return what it prints."""
        for port, part in (("8080", "airflow"), ("5001", "mlflow"), ("5002", "server")):
            command = command.replace(f"http://127.0.0.1:{port}", self.addresses.get(part, ""))
        script = f"trap 'pwd > \"$WALKED_TO\"' EXIT\nset -e\n{command}\n"
        environment = self.environment | {"WALKED_TO": str(self.place)}
        done = subprocess.run(  # noqa: S603
            ["bash", "-c", script], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,  # noqa: S607
            capture_output=True, text=True, check=False, timeout=LONGEST,
        )  # fmt: skip
        assert done.returncode == 0 or command.startswith(LOOKS), f"$ {command}\n{done.stdout}{done.stderr}"
        self.folder = Path(self.place.read_text().strip())
        return done.stdout

    def up(self) -> str:
        """Run `dropforge up` on free ports until it is ready, and return what it said."""
        log = self.folder.parent / "up.log"
        with log.open("wb") as file:
            command = ["dropforge", "up", *(f"--{part}-port=0" for part in PARTS)]
            self.stack = subprocess.Popen(  # noqa: S603
                command, cwd=self.folder, env=self.environment, stdout=file, stderr=file, start_new_session=True
            )
        until = time.monotonic() + LONGEST
        while "Ctrl-C ends it." not in log.read_text():
            assert self.stack.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        self.addresses = json.loads(self.type("dropforge status --json || true"))["addresses"]
        return log.read_text()

    def end(self) -> None:
        """End the stack, if it still runs."""
        if self.stack and self.stack.poll() is None:
            self.stack.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stack.wait(60)
        if self.stack and self.stack.poll() is None:
            self.stack.kill()


@pytest.mark.stack
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    commands = install(build(tmp_path / "wheel"), tmp_path / "environment")
    (tmp_path / "empty").mkdir()
    walk = Walk(tmp_path / "empty", commands)
    assert str(tmp_path / "environment") in walk.type("python -c 'import dropforge; print(dropforge.__file__)'")
    started = time.monotonic()
    try:
        for step in steps(PAGE.read_text(encoding="utf-8")):
            print(f"[{time.monotonic() - started:4.0f} s] $ {step.command}")
            said = walk.up() if step.command == "dropforge up" else walk.type(step.command)
            until = time.monotonic() + LONGEST
            while step.shown and not pattern(step.shown).fullmatch(said):
                told = f"$ {step.command}\n{said}\nThe page shows:\n{step.shown}"
                assert step.command.startswith(LOOKS), told
                assert time.monotonic() < until, told
                time.sleep(0.2)
                said = walk.type(step.command)
        assert walk.stack
        assert walk.stack.wait(60) == 0
    finally:
        walk.end()


def test_what_a_page_shows_is_compared() -> None:
    assert pattern("│ passed │ None │\n").fullmatch("│ passed │ Archived │\n")
    shown = "rows: 12\n...\n│ 3  │ ... │ passed │\n"
    assert pattern(shown).fullmatch("rows: 7\nmore\n\n│ 14 │ tree 0.5 │ passed │\n")
    assert not pattern(shown).fullmatch("rows: 7\nmore\n│ 14 │ tree │ failed │\n")
    assert not pattern("the end\n").fullmatch("the end\nand more\n")
