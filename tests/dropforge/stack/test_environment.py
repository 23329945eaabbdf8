"""The stack's secrets are whole, and readable to their owner alone; a proxy is not asked for this machine."""

import base64
import http.server
import threading

import httpx
import pytest
import requests

from dropforge.project import Project
from dropforge.stack.environment import NO_TELEMETRY, environment, past_the_proxy
from dropforge.stack.ports import Addresses

ADDRESSES = Addresses("127.0.0.1", {"airflow": 1, "mlflow": 2, "server": 3})
FERNET = "AIRFLOW__CORE__FERNET_KEY"
SECRETS = (FERNET, "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


@pytest.fixture
def secrets(tmp_path):
    """Return a function that gives the secrets of a start."""

    def start():
        settings = environment(Project(tmp_path), ADDRESSES)
        return {name: settings[name] for name in SECRETS}

    return start


@pytest.fixture
def folder(tmp_path):
    return tmp_path / ".dropforge" / "keys"


def test_keys_are_made_once_and_are_their_owners_alone(secrets, folder):
    first = secrets()
    assert len({*first.values()}) == len(SECRETS)
    assert secrets() == first
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(file.name for file in folder.iterdir()) == ["fernet", "jwt", "session"]
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_a_key_that_a_crash_left_empty_is_made_anew(secrets, folder):
    first = secrets()
    (folder / "fernet").write_text("")
    second = secrets()
    assert len(base64.urlsafe_b64decode(second[FERNET])) == 32
    assert {name for name in SECRETS if second[name] != first[name]} == {FERNET}
    assert (folder / "fernet").stat().st_mode & 0o777 == 0o600


def test_a_crash_before_the_key_is_written_leaves_none(secrets, folder, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", crash)
        with pytest.raises(KeyboardInterrupt):
            secrets()
    assert not (folder / "fernet").exists()
    assert len(base64.urlsafe_b64decode(secrets()[FERNET])) == 32


@pytest.fixture
def here():
    """The address of a server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("own", [{}, {"NO_PROXY": "intra.example"}, {"no_proxy": "intra.example"}])
def test_what_runs_here_is_not_asked_for_through_a_proxy(here, away, proxy, own, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert past_the_proxy({}) == {}
    given = own | {proxy: away}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(httpx.TransportError):
        httpx.get(here)
    for name, value in past_the_proxy(given).items():
        monkeypatch.setenv(name, value)
        assert set(own.values()) <= set(value.split(","))
    assert httpx.get(here).is_success
    assert requests.get(here, timeout=10).ok


def test_the_parts_tell_nobody_and_ask_no_proxy_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    settings = environment(Project(tmp_path), ADDRESSES)
    assert NO_TELEMETRY.items() <= settings.items()
    assert "127.0.0.1" in settings["NO_PROXY"].split(",")
