"""docker-compose.yaml against its schema and against what the code expects: no engine is here to run it."""

from __future__ import annotations

import http.server
import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from dropforge.project import HOME_VARIABLE, TOKEN_VARIABLE
from dropforge.stack.environment import LEAN, NO_TELEMETRY, ONE_THREAD, PATIENT, QUICK
from dropforge.stack.ports import DEFAULTS
from dropforge.stack.tracking import CONNECTIONS

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = ("airflow-init", "api-server", "scheduler", "dag-processor", "triggerer")
OURS = (*AIRFLOW, "bucket", "mlflow", "server")
READERS = ("scheduler", "triggerer", "dag-processor", "server")  # they run Dropforge's own code

LOCK = "requirements.lock"
REQUIRED = re.compile(r"\$\{([A-Z_]+):\?set it in \.env\}")
ADDRESS_OF_A_USER = re.compile(r"://[^:/@]+:(?P<password>[^@]+)@")


def environment(service: str) -> dict[str, str]:
    return SERVICES[service].get("environment", {})


def test_it_is_valid_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, "docker-compose.yaml"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_is_text() -> None:
    # Compose would turn `on` or 1.0 into something else before Airflow sees it.
    wrong = {(name, key) for name in SERVICES for key, value in environment(name).items() if not isinstance(value, str)}
    assert not wrong


def test_services_that_run_our_code_get_every_variable_that_it_reads() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "dropforge").rglob("*.py"))
    named = set(re.findall(r'"((?:DROPFORGE|MLFLOW)_[A-Z_]+)"', source)) - set(NO_TELEMETRY | LEAN)
    named -= set(PATIENT | CONNECTIONS)
    # The default for --spec (the containers work in the project's folder), and what the code itself sets.
    named -= {"DROPFORGE_SPEC", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "MLFLOW_UV_AUTO_DETECT"}
    named -= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"}  # the server sets its own
    assert named == {HOME_VARIABLE, TOKEN_VARIABLE, "DROPFORGE_MLFLOW_PAGES", "DROPFORGE_SERVER", "MLFLOW_TRACKING_URI"}
    for service in READERS:
        assert named <= environment(service).keys(), service
        assert (ONE_THREAD | PATIENT).items() <= environment(service).items(), service
    assert LEAN.items() <= environment("mlflow").items()


def test_the_addresses_are_those_of_the_services() -> None:
    for service in READERS:
        settings = environment(service)
        assert settings["MLFLOW_TRACKING_URI"] == f"http://mlflow:{DEFAULTS['mlflow']}"
        assert settings["DROPFORGE_SERVER"] == f"http://server:{DEFAULTS['server']}"
        assert {"services"} <= set(SERVICES[service]["networks"])
    assert environment("scheduler")["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == (
        f"http://api-server:{DEFAULTS['airflow']}/execution/"
    )
    # MLflow refuses requests that call it by another name.
    assert f"mlflow:{DEFAULTS['mlflow']}" in environment("mlflow")["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")


def test_the_project_and_its_dags_are_mounted() -> None:
    project = "${DROPFORGE_PROJECT:-.}"
    for service in (*AIRFLOW, "server"):
        mounts = dict(volume.removesuffix(":ro").rsplit(":", 1) for volume in SERVICES[service]["volumes"])
        home = environment(service)[HOME_VARIABLE]
        assert mounts[project] == home
        if service in AIRFLOW:
            assert mounts[f"{project}/dags_generated"] == environment(service)["AIRFLOW__CORE__DAGS_FOLDER"]
            assert environment(service)["AIRFLOW__CORE__DAGS_FOLDER"] == f"{home}/dags_generated"
            assert mounts["airflow"] == environment(service)["AIRFLOW_HOME"]  # logs and the password are shared


def test_airflow_runs_with_the_settings_of_the_embedded_stack() -> None:
    # How many workers is the machine's matter.
    quick = {key: value for key, value in QUICK.items() if key != "AIRFLOW__CORE__PARALLELISM"}
    for service in AIRFLOW:
        assert environment(service).items() >= quick.items(), service
        assert int(environment(service)["AIRFLOW__CORE__PARALLELISM"]) >= 8
        assert environment(service)["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"


@pytest.mark.slow
def test_the_executor_can_be_imported(tmp_path: Path) -> None:
    module, _, name = environment("scheduler")["AIRFLOW__CORE__EXECUTOR"].rpartition(".")
    script = (
        f"from {module} import {name}\nfrom airflow.executors.local_executor import LocalExecutor\n"
        f"assert issubclass({name}, LocalExecutor)"
    )
    quiet = {**NO_TELEMETRY, "AIRFLOW_HOME": str(tmp_path), "PATH": "", "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", script], env=quiet, cwd=ROOT, check=True, timeout=120)  # noqa: S603


def test_not_everybody_is_admin() -> None:
    # On a container's own address only loopback publishing stands between: so people log in.
    for service in AIRFLOW:
        assert environment(service)["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
        users = environment(service)["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
        assert re.fullmatch(r"\w+:admin", users)


def test_telemetry_is_off_everywhere() -> None:
    for service in OURS:
        assert environment(service).items() >= NO_TELEMETRY.items(), service
    assert environment("minio")["MINIO_UPDATE"] == "off"
    assert set(SERVICES) == {*OURS, "minio", "postgres"}, "a new service: see to its telemetry"


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(published) == sorted(f"127.0.0.1:{port}:{port}" for port in DEFAULTS.values())
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]


def test_the_stores_are_out_of_reach() -> None:
    assert COMPOSE["networks"]["stores"]["internal"] is True
    for service in ("postgres", "minio", "bucket"):
        assert SERVICES[service]["networks"] == ["stores"], service
    assert SERVICES["server"]["networks"] == ["services"]
    assert not [key for key in environment("server") if "AWS" in key or "DATABASE" in key]


def test_no_secret_is_written_down() -> None:
    secret = re.compile(r"PASSWORD$|SECRET|_KEY$|ACCESS_KEY_ID$|ROOT_USER$|TOKEN")
    for service in SERVICES:
        for key, value in environment(service).items():
            if secret.search(key):
                assert REQUIRED.fullmatch(value), (service, key)
            for found in ADDRESS_OF_A_USER.finditer(value):
                assert REQUIRED.fullmatch(found["password"]), (service, key)


def test_the_example_names_every_variable_and_no_value() -> None:
    text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert dict(re.findall(r"^([A-Z_]+)=(.*)$", example, re.M)) == dict.fromkeys(REQUIRED.findall(text), "")
    for optional in re.findall(r"\$\{([A-Z_]+):-", text):
        assert f"# {optional}=" in example


def test_images_are_pinned() -> None:
    names = [service["image"] for service in SERVICES.values()]
    for file in ("Dockerfile", "minio.Dockerfile"):
        text = (ROOT / "docker" / file).read_text(encoding="utf-8")
        stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.M))
        names += [name for name in re.findall(r"^FROM (\S+)", text, re.M) if name not in stages]
        for line in re.findall(r"pip install (.+?)(?: \\)?$", text, re.M):
            packages = [word for word in line.split() if not word.startswith("-") and word not in (".", LOCK)]
            assert all("==" in package for package in packages), line
    for name in names:
        assert re.search(r":[\w.-]*\d+\.\d+|:RELEASE\.\d{4}-", name), name


def test_images_hold_what_is_run() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    for name, service in SERVICES.items():
        if name not in OURS:
            continue
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert f"AS {service['build']['target']}\n" in dockerfile
        for word in [*service["command"], *service.get("healthcheck", {}).get("test", [])]:
            if word.endswith(".py"):
                script = word.replace("/opt/docker/", "docker/")
                assert (ROOT / script).is_file()
                assert script in dockerfile
    for source in re.findall(r"^COPY (.+) \S+$", dockerfile, re.M):
        for path in source.split():
            assert (ROOT / path).exists(), path


def test_services_wait_for_what_they_need() -> None:
    def needs(service: str) -> dict[str, str]:
        return {name: how["condition"] for name, how in SERVICES[service].get("depends_on", {}).items()}

    one_shots = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
    assert one_shots == {"bucket", "airflow-init"}
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) == (name not in one_shots), name
        for needed, condition in needs(name).items():
            ends = needed in one_shots
            assert condition == ("service_completed_successfully" if ends else "service_healthy"), (name, needed)
    assert {"postgres", "bucket"} <= needs("mlflow").keys()
    assert {"mlflow"} <= needs("server").keys()
    for name in AIRFLOW[1:]:
        assert "airflow-init" in needs(name)


@pytest.fixture
def address() -> Iterator[str]:
    """A server that answers like Airflow's health report."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"scheduler": {"status": "healthy"}, "triggerer": {"status": None}}).encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docker" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_health_is_the_components(address: str) -> None:
    healthy = script("health").healthy
    assert healthy(f"{address}/health")
    assert healthy(f"{address}/health", "scheduler")
    assert not healthy(f"{address}/health", "triggerer")
    assert not healthy(f"{address}/health", "no-such-component")
    assert not healthy(f"{address}/elsewhere")
    assert not healthy("http://127.0.0.1:1/health")


def test_the_bucket_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets: list[str] = []

    class Client:
        def list_buckets(self) -> dict[str, Any]:
            return {"Buckets": [{"Name": name} for name in buckets]}

        def create_bucket(self, Bucket: str) -> None:
            buckets.append(Bucket)

    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda *_, **__: Client()))
    settings = environment("bucket")
    for _ in range(2):
        script("bucket").make(settings["MLFLOW_ARTIFACTS_DESTINATION"], settings["MLFLOW_S3_ENDPOINT_URL"])
    assert buckets == ["mlflow"]


def test_the_password_is_what_the_simple_auth_manager_reads(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    users = environment("airflow-init")["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
    for password in ("a longer one", "new"):
        script("prepare").write_passwords(file, users, password)
    assert json.loads(file.read_text(encoding="utf-8")) == {"admin": "new"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_container_serves_every_pipeline_that_was_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(
        "dropforge.serving.run.serve", lambda *arguments, **settings: served.append((*arguments, settings))
    )
    monkeypatch.setenv(HOME_VARIABLE, str(ROOT))
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    script("serve").main()
    ((project, pipelines, host, port, settings),) = served
    assert (project.home, host, port) == (ROOT, "0.0.0.0", DEFAULTS["server"])  # noqa: S104
    assert settings == {"token": "s3cret"}
    assert {pipeline.name for pipeline in pipelines()} == {"wine", "digits"}


def test_the_container_says_what_is_wrong_with_the_spec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    with pytest.raises(SystemExit, match="there is no such file"):
        script("serve").main()
