"""Ports are free ones, on loopback only, and what was moved is said."""

import socket

import pytest

from dropforge.documents import UserError
from dropforge.stack.ports import DEFAULTS, Addresses, choose, is_free, loopback

HOST = "127.0.0.1"


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_let_through(host):
    assert loopback(host) == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "8.8.8.8", "example.org", ""])  # noqa: S104
def test_any_other_address_is_refused_without_authentication(host):
    with pytest.raises(UserError, match="can be reached from outside"):
        loopback(host)


def test_any_free_port_when_zero_is_asked_for():
    addresses, notes = choose(HOST, dict.fromkeys(DEFAULTS, 0))
    assert len(set(addresses.ports.values())) == len(DEFAULTS)
    assert all(is_free(HOST, port) for port in addresses.ports.values())
    assert notes == []
    assert addresses.mlflow == f"http://{HOST}:{addresses.ports['mlflow']}"


def test_a_taken_port_that_was_asked_for_is_reported_with_what_to_do(taken):
    assert not is_free(HOST, taken)
    with pytest.raises(UserError) as caught:
        choose(HOST, {"airflow": 0, "mlflow": taken, "server": 0})
    (problem,) = caught.value.problems
    assert f"port {taken} is taken" in problem.message
    assert "--mlflow-port" in problem.remedy


def test_a_taken_default_is_moved_and_that_is_said(taken, monkeypatch):
    monkeypatch.setitem(DEFAULTS, "mlflow", taken)
    addresses, notes = choose(HOST, {"airflow": 0, "mlflow": None, "server": 0})
    assert addresses.ports["mlflow"] != taken
    assert notes == [f"port {taken} is taken: mlflow answers on {addresses.ports['mlflow']}"]


@pytest.mark.parametrize("asking", DEFAULTS)
def test_a_default_gives_way_to_a_port_that_was_asked_for(asking, monkeypatch):
    free, _ = choose(HOST, dict.fromkeys(DEFAULTS, 0))
    port = free.ports["mlflow"]
    for part in DEFAULTS:
        monkeypatch.setitem(DEFAULTS, part, port)
    addresses, notes = choose(HOST, {asking: port})
    assert addresses.ports[asking] == port
    assert len(set(addresses.ports.values())) == len(DEFAULTS)
    assert list(addresses.ports) == list(DEFAULTS)
    assert len(notes) == len(DEFAULTS) - 1


def test_a_port_that_is_asked_for_twice_is_refused():
    free, _ = choose(HOST, dict.fromkeys(DEFAULTS, 0))
    port = free.ports["mlflow"]
    with pytest.raises(UserError) as caught:
        choose(HOST, {"airflow": port, "mlflow": 0, "server": port})
    (problem,) = caught.value.problems
    assert problem.message == f"port {port} is asked for twice"
    assert "--server-port" in problem.remedy


def test_an_ipv6_address_stands_in_brackets():
    assert Addresses("::1", {"mlflow": 5001}).mlflow == "http://[::1]:5001"
