"""What MLflow made stays one, although its answer was lost."""

import http.server
import os
import threading
from typing import ClassVar

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from dropforge.registry import Store
from dropforge.registry.once import once
from tests.dropforge.servers import mlflow_server

pytestmark = pytest.mark.slow


class Losing(http.server.BaseHTTPRequestHandler):
    """Passes requests on, and loses the first answer to each POST of a path in ``lost``."""

    behind = ""
    lost: ClassVar[set[str]] = set()

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        answer = httpx.request(self.command, f"{self.behind}{self.path}", content=body, headers=headers, timeout=60)
        path = self.path.rpartition("/mlflow/")[2]
        if path in self.lost:
            self.lost.remove(path)
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PATCH = _pass_on

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def losing(tmp_path_factory):
    """A Store behind a proxy that loses answers, and the set of what it loses next."""
    folder = tmp_path_factory.mktemp("losing")
    with mlflow_server(folder) as address:
        Losing.behind = address
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Losing)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        store = Store(f"http://127.0.0.1:{server.server_port}")
        store.locks = folder / "locks"
        store.locks.mkdir()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_mlflows_own_client_makes_two(losing):
    """Why this module is there: if this fails one day, MLflow has mended it."""
    Losing.lost.add("runs/create")
    client = MlflowClient(losing.uri, losing.uri)
    experiment = client.create_experiment("theirs")
    client.create_run(experiment)
    assert len(client.search_runs([experiment])) == 2


def test_a_run_whose_answer_was_lost_is_ended_and_another_one_is_opened(losing):
    Losing.lost.add("runs/create")
    with losing.run("ours", "a1", {"config_digest": "a1"}, "x"):
        pass
    found = losing.client.search_runs([losing.experiment("ours")])
    assert sorted(run.info.status for run in found) == ["FINISHED", "KILLED"]


def test_a_version_whose_answer_was_lost_is_found_again(losing):
    with losing.run("ours", "a2", {"config_digest": "a2"}, "x") as run:
        Losing.lost.add("model-versions/create")
        made = losing.create_version("ours", f"{run.info.artifact_uri}/model", run.info.run_id, None, {"a": "b"})
    assert [version.version for version in losing.search("ours", {})] == [made]


def test_what_mlflow_refuses_is_raised_at_once():
    calls = []

    def make():
        calls.append(1)
        raise MlflowException("no", error_code=INVALID_PARAMETER_VALUE)

    with pytest.raises(MlflowException):
        once(make, lambda: None)
    assert len(calls) == 1


def test_the_users_own_setting_of_retries_is_given_back(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    assert once(lambda: os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"], lambda: None) == "0"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "3"
