"""The whole loop, once, in a temporary project: each step is said in a line as it happens."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

HERE = Path(__file__).parent
PIPELINE = "digits"
LONGEST_WAIT = 180.0

T = TypeVar("T")
started = time.monotonic()


def say(text: str) -> None:
    """Print a step, with the seconds since the start."""
    print(f"[{time.monotonic() - started:4.0f} s] {text}", flush=True)


def show(text: str) -> None:
    """Print what a command or a file says, indented."""
    print("".join(f"         {line}\n" for line in text.rstrip().splitlines()), flush=True)


def until(what: str, condition: Callable[[], T | None]) -> T:
    """Wait until ``condition`` gives something, and return it."""
    deadline = time.monotonic() + LONGEST_WAIT
    while (began := time.monotonic()) < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if found := condition():
                return found
        time.sleep(min(max(0.1, time.monotonic() - began), 1.0))  # a look takes time from the stack
    raise TimeoutError(f"after {LONGEST_WAIT:.0f} s still not so: {what}")


class Demo:
    """A temporary project and the commands run in it."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.watch = project / "configs" / PIPELINE
        # A demo that runs inside another project's environment must not find that one's services.
        foreign = ("DROPFORGE_", "MLFLOW_", "AIRFLOW_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | {"COLUMNS": "120"}

    def dropforge(self, *arguments: str) -> str:
        """Run a command and return what it prints."""
        command = [sys.executable, "-m", "dropforge.cli.main", *arguments]
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(
                f"dropforge {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    @contextlib.contextmanager
    def stack(self) -> Iterator[dict[str, str]]:
        """Run the stack; give its addresses."""
        command = [sys.executable, "-m", "dropforge.cli.main", "up"]
        ports = [f"--{part}-port=0" for part in ("airflow", "mlflow", "server")]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, *ports], cwd=self.project, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        ready = threading.Event()

        def follow() -> None:
            for line in process.stdout or ():
                if line.strip():
                    say(f"  {line.strip()}")
                if "Ctrl-C ends it" in line:
                    ready.set()

        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        try:
            until("the stack is up", lambda: ready.is_set() or process.poll() is not None)
            if process.poll() is not None:
                raise RuntimeError("the stack did not come up")
            yield json.loads(self.dropforge("status", "--json"))["addresses"]
        finally:
            process.terminate()
            process.wait(60)
            reader.join(5)

    def drop(self, *configs: Path) -> None:
        """Drop configs as an upload would: written aside, and moved in."""
        for config in configs:
            draft = self.watch / f".{config.name}"
            shutil.copyfile(config, draft)
            draft.rename(self.watch / config.name)

    def versions(self) -> list[dict[str, Any]]:
        """Return the leaderboard."""
        return json.loads(self.dropforge("versions", PIPELINE, "--json"))

    def decided(self, count: int) -> list[dict[str, Any]] | None:
        """Return the leaderboard once ``count`` versions are validated and the best one is champion."""
        table = self.versions()
        ready = len(table) == count and all(row["status"] != "pending" for row in table) and table[0]["champion"]
        return table if ready else None


def works_in(process: psutil.Process, folder: Path) -> bool:
    """Return whether a process has its working folder, or a file, below ``folder``."""
    try:
        places = [process.cwd(), *(file.path for file in process.open_files())]
    except psutil.Error:
        return False
    return any(place.startswith(str(folder)) for place in places)


def predict(server: httpx.Client, rows: list[list[float]], columns: list[str]) -> tuple[list[int], str]:
    """Return predictions, and the version that made them."""
    body = {"dataframe_split": {"columns": columns, "data": rows}}
    answer = server.post(f"/models/{PIPELINE}/invocations", json=body)
    answer.raise_for_status()
    return answer.json()["predictions"], answer.headers["X-Model-Version"]


def main() -> None:
    """Run the demo."""
    from sklearn.datasets import load_digits

    digits = load_digits(as_frame=True)
    rows, columns, truth = digits.data.head(5).values.tolist(), list(digits.data.columns), list(digits.target.head(5))
    with tempfile.TemporaryDirectory(prefix="dropforge-demo-") as folder:
        demo = Demo(Path(folder))
        shutil.copyfile(HERE.parent / "pipelines.yaml", demo.project / "pipelines.yaml")
        say("a project: one pipelines.yaml, from which two Airflow DAGs a pipeline are rendered")
        show(demo.dropforge("generate"))
        say("the stack: Airflow, MLflow and the model server")
        with demo.stack() as addresses, httpx.Client(base_url=addresses["server"], timeout=10) as server:
            answer = server.get(f"/models/{PIPELINE}")
            say(f"no champion yet, so the server answers {answer.status_code}: {answer.json()['error']}")

            first = sorted((HERE / "configs" / "first").iterdir())
            say(f"dropping {len(first)} configs at once: {', '.join(path.name for path in first)}")
            demo.drop(*first)
            until("every config is filed away", lambda: not [p for p in demo.watch.iterdir() if p.is_file()])
            done = sorted(path.name for path in (demo.watch / "done").iterdir())
            say(f"trained, logged and registered: {', '.join(done)}")
            say("the broken one stopped nobody; it lies in rejected/ with its explanation:")
            show((demo.watch / "rejected" / "broken.yaml.error.txt").read_text())

            table = until(
                "the versions are validated and the best one is champion", lambda: demo.decided(len(first) - 1)
            )
            champion = table[0]["version"]
            say("the leaderboard (dropforge versions digits):")
            show(demo.dropforge("versions", PIPELINE))

            until("the server answers with the champion", lambda: predict(server, rows, columns)[1] == champion)
            labels, version = predict(server, rows, columns)
            say(f"a prediction over HTTP: {labels} (truth: {[int(label) for label in truth]}), by version {version}")

            better = HERE / "configs" / "better" / "svm.yaml"
            say(f"dropping a better config, {better.name}, while the server goes on answering")
            dropped = time.monotonic()
            demo.drop(better)
            asked, new = 0, version
            while new == version and time.monotonic() - dropped < LONGEST_WAIT:
                _, new = predict(server, rows, columns)  # raises if the request fails
                asked += 1
                time.sleep(0.05)
            if new == version:
                raise TimeoutError("the server still answers with the old version")
            say(
                f"version {new} answers {time.monotonic() - dropped:.1f} s after the drop, without a restart; "
                f"{asked} requests meanwhile, none failed"
            )
            until("the decision is recorded", lambda: demo.decided(len(first)))
            show(demo.dropforge("versions", PIPELINE))
        left = [process.pid for process in psutil.process_iter() if works_in(process, demo.project)]
        if left:
            raise RuntimeError(f"these processes still run: {left}")
    say("the stack is down, no process is left, and the project is gone")


if __name__ == "__main__":
    main()
