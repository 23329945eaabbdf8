"""`dropforge serve`, as a process of its own: the token, the limits, and an end that loses no request."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from dropforge.data import Rows
from dropforge.project import Project
from dropforge.promotion import Hosting
from dropforge.registry import Store
from tests.dropforge.cli.commands import SPEC
from tests.dropforge.wine import crown
from tests.waiting import until

pytestmark = pytest.mark.slow

PREDICT = "/models/wine/invocations"


@pytest.fixture
def served(stocked: Project) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A model server with a token that takes three rows at most, and its address."""
    (stocked.home / "pipelines.yaml").write_text(SPEC)
    crown(Store.connect(stocked), 2)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dropforge.cli.main", "serve", "wine", "--port", str(port), "--max-rows", "3"]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("DROPFORGE_", "MLFLOW_"))}
    with (stocked.home / "serve.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603
            command, cwd=stocked.home, env=quiet | {"DROPFORGE_TOKEN": "s3cret"}, stdout=log, stderr=log
        )
        try:
            until(lambda: listens(port) or server.poll() is not None, "the server answers", 120)
            assert server.poll() is None, (stocked.home / "serve.log").read_text()
            yield server, f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_it_takes_the_token_and_the_limits_and_answers_what_it_has_begun_before_it_ends(
    served: tuple[subprocess.Popen[bytes], str], rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, address = served
    table = rows.features.head(4)
    body = json.dumps({"dataframe_split": table.head(3).to_dict(orient="split", index=False)}).encode()
    json_type = {"Content-Type": "application/json"}
    assert httpx.post(address + PREDICT, content=body, headers=json_type).status_code == 401
    monkeypatch.setenv("DROPFORGE_TOKEN", "s3cret")
    hosting = Hosting(address, "wine")
    until(lambda: hosting.served() == "2", "the champion is served")
    predictions, version = hosting.predict(table.head(3))
    assert (len(predictions), version) == (3, "2")
    with pytest.raises(Exception, match="answers 413"):
        hosting.predict(table)

    port = httpx.URL(address).port or 0
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\nContent-Type: application/json\r\n"
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as begun:
        begun.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert begun.recv(100).startswith(b"HTTP/1.1 100 ")  # it reads the body by now
        server.send_signal(signal.SIGTERM)
        until(lambda: not listens(port), "it takes no more requests")
        begun.sendall(body)
        assert begun.recv(100).startswith(b"HTTP/1.1 200 ")
    assert server.wait(60) in (0, -signal.SIGTERM)
