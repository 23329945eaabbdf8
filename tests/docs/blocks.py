"""The code blocks of README and docs, and running them as a reader would: page by page, from the top."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.stack.project import until

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DEFAULT_PORTS = {"airflow": 8080, "mlflow": 5001, "server": 5002}

_BLOCK = re.compile(r"((?:^<!-- [a-z ]+: [^\n]+ -->\n)*)^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_UP = re.compile(r"(nohup )?(dropforge|make) up\b")
_NOTE = re.compile(r"<!-- ([a-z ]+): (.+) -->")


def walked(page: Path) -> str | None:
    """Return the test that walks a page on its own, if the page begins by naming one."""
    found = re.match(r"<!-- walked by: (\S+) -->", page.read_text(encoding="utf-8"))
    return found[1] if found else None


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Comments before it say what becomes of it, where it is not clear by itself:

    - ``not run: REASON``
    - ``file: PATH``: it is the text of that file
    - ``before: COMMAND``: what a reader did meanwhile, e.g. an edit that is told in words
    """

    page: Path
    line: int
    language: str
    text: str
    notes: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def what(self) -> str:
        """What it is to a test."""
        if walked(self.page):
            return "walked"
        if "not run" in self.notes:
            return "not run"
        if "file" in self.notes:
            return "file"
        if self.language in ("yaml", "json"):
            if "pipelines:" in self.text:
                return "spec"
            return "config" if re.search(r'^\W*"?(class|models)"?:', self.text, re.MULTILINE) else ""
        return self.language if self.language in ("console", "sh", "python") else ""


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: found.start(2)].count("\n") + 1, found[2], found[3], dict(_NOTE.findall(found[1])))
        for found in _BLOCK.finditer(text)
    ]


ALL = [block for page in PAGES for block in blocks(page)]


RUN = [page for page in PAGES if any(block.what in ("console", "sh", "python") for block in blocks(page))]


def starts_a_stack(page: Path) -> bool:
    """Return whether a reader of a page has a stack running."""
    shown = [block.text for block in blocks(page) if block.what == "console"]
    return any(_UP.match(command) for text in shown for command, _ in commands(text))


def read(page: Path, folder: Path) -> None:
    """Do what a page says from its top to its end, in a new folder, and see what it shows."""
    home = folder / "home"
    home.mkdir()
    if page.name == "README.md":  # it speaks of the repository's own folder
        copy_of_checkout(home)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("DROPFORGE_", "MLFLOW_", "AIRFLOW_"))}
    own |= {"PATH": f"{Path(sys.executable).parent}:{own['PATH']}", "COLUMNS": "120"}
    reader = Reader(home, own)
    try:
        for block in blocks(page):
            if block.what != "not run":
                reader.read(block)
    finally:
        reader.close()


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Give the commands of a console block, each with the lines that it is said to print."""
    command, shown = "", []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        elif not _whole(command):
            command += f"\n{line}"
        else:
            shown.append(line)
    yield command, shown


def _whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return not command.endswith("\\")


def missing(shown: list[str], said: str) -> str | None:
    """Return the first line that is shown and was not said in that order; spaces at the end don't count."""
    lines = iter(line.rstrip() for line in said.splitlines())
    return next((line for line in shown if line.strip() != "..." and line.rstrip() not in lines), None)


class Reader:
    """Somebody who does what a page says, in a folder of their own.

    ``dropforge up`` and ``make up`` go on in the background, on free ports, until the page ends; what a page says of
    the usual ports is then read as said of those.
    """

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = self.folder = home
        self.environment = environment
        self.stack: subprocess.Popen[bytes] | None = None
        self.ports: dict[str, str] = {}

    def read(self, block: Block) -> None:
        """Do what a block says, and see what it shows."""
        if command := block.notes.get("before"):
            self.run(command)
        if path := block.notes.get("file"):
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.what == "python":
            self.run(f"{shlex.quote(sys.executable)} -c {shlex.quote(block.text)}")
        elif block.what == "sh":
            for line in block.text.splitlines():
                self.do(line, [])
        elif block.what == "console":
            for command, shown in commands(block.text):
                self.do(command, shown)

    def do(self, command: str, shown: list[str]) -> None:
        """Run a command until it prints what is shown: while a stack runs, that takes some seconds."""
        if _UP.match(command):
            self.up(command)
            return

        def said() -> bool:
            self.latest = self.run(command)
            return missing(shown, self.latest) is None

        if self.stack and shown:
            try:
                until(said, command, 120)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{missing(shown, self.latest)!r} is not in:\n{self.latest}") from error
        elif not said():
            raise AssertionError(f"$ {command}\n{missing(shown, self.latest)!r} is not in:\n{self.latest}")

    def run(self, command: str) -> str:
        """Run a command in the shell, and return what it printed, as if the ports were the usual ones."""
        for usual, real in self.ports.items():
            command = command.replace(usual, real)
        place = self.home.parent / "folder"
        script = f"trap 'pwd > {shlex.quote(str(place))}' EXIT\nset -o pipefail\n{command}\n"
        done = subprocess.run(  # noqa: S603
            ["bash", "-c", script],  # noqa: S607
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, text=True,
        )  # fmt: skip
        self.folder = Path(place.read_text().strip())
        assert done.returncode == 0, f"$ {command}\nended with {done.returncode}:\n{done.stdout}"
        said = done.stdout
        for usual, real in self.ports.items():
            said = said.replace(real, usual)
        return said

    def up(self, command: str) -> None:
        """Start a stack in the background."""
        if command.startswith("dropforge up"):
            command += "".join(f" --{part}-port=0" for part in DEFAULT_PORTS)
        log = self.home.parent / "up.log"
        with log.open("wb") as out:
            self.stack = subprocess.Popen(  # noqa: S603
                ["bash", "-c", f"exec {command}"],  # noqa: S607
                cwd=self.folder, env=self.environment, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        until(lambda: b"Ctrl-C ends it" in log.read_bytes() or self.stack.poll() is not None, command, 300)
        said = log.read_text()
        assert self.stack.poll() is None, said
        for part, port in DEFAULT_PORTS.items():
            (real,) = re.findall(rf"^{part}.*?:(\d+)", said.replace("Model server", "server"), re.M | re.I)[-1:]
            self.ports |= {f"127.0.0.1:{port}": f"127.0.0.1:{real}", f"localhost:{port}": f"localhost:{real}"}

    def close(self) -> None:
        """End the stack, as Ctrl-C does."""
        if self.stack and self.stack.poll() is None:
            os.killpg(self.stack.pid, signal.SIGINT)
            self.stack.wait(60)


def copy_of_checkout(folder: Path) -> Path:
    """Return a copy of what the repository holds or will hold, with the environment that ``make`` has set up."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True, text=True).stdout  # noqa: S603
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    for name in ("requirements.lock", "pyproject.toml"):  # else make would install this copy into that environment
        os.utime(folder / name, (0, 0))
    return folder
