"""Ports of the stack: free ones, and on loopback only."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from dropforge.documents import Problem, UserError

DEFAULTS = {"airflow": 8080, "mlflow": 5001, "server": 5002}
_TRIES = 100


@dataclass(frozen=True)
class Addresses:
    """Where the stack's parts answer."""

    host: str
    ports: dict[str, int]

    def url(self, part: str) -> str:
        """Return the address of ``airflow``, ``mlflow`` or ``server``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.ports[part]}"

    @property
    def airflow(self) -> str:
        """Airflow's UI and API."""
        return self.url("airflow")

    @property
    def mlflow(self) -> str:
        """MLflow's UI and API."""
        return self.url("mlflow")

    @property
    def server(self) -> str:
        """The model server."""
        return self.url("server")


BEHIND = "Use 127.0.0.1, and a proxy with authentication (or an SSH tunnel) before it."


def loopback(host: str, remedy: str = BEHIND) -> str:
    """Return ``host`` if only this machine reaches it.

    Raises
    ------
    UserError
        If others could: nothing here asks for a password yet.
    """
    try:
        inside = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise UserError(
            Problem(
                f"'{host}' can be reached from outside, and nothing there asks who comes",
                remedy,
            )
        )
    return host


def choose(host: str, wanted: dict[str, int | None]) -> tuple[Addresses, list[str]]:
    """Choose a free port for each part, no two the same.

    Parameters
    ----------
    host : str
        The address to bind.
    wanted : dict
        The port that the user asked for, by part; 0 for any free one, None for the default or the next free one.

    Returns
    -------
    Addresses
        What was chosen.
    list of str
        What to tell the user: the ports that had to be moved.

    Raises
    ------
    UserError
        If a port that was asked for is taken, or was asked for twice.
    """
    ports = _asked(host, wanted)
    notes = []
    for part, default in DEFAULTS.items():
        used = set(ports.values())
        if part in ports:
            continue
        if wanted.get(part) == 0:
            ports[part] = _any_free(host, used)
        else:
            ports[part] = _next_free(host, default, used)
            if ports[part] != default:
                notes.append(f"port {default} is taken: {part} answers on {ports[part]}")
    return Addresses(host, {part: ports[part] for part in DEFAULTS}), notes


def _asked(host: str, wanted: dict[str, int | None]) -> dict[str, int]:
    """Return the ports that the user asked for by number."""
    ports: dict[str, int] = {}
    for part in DEFAULTS:
        asked = wanted.get(part)
        if not asked:
            continue
        if asked in ports.values():
            raise UserError(Problem(f"port {asked} is asked for twice", f"Choose another with --{part}-port."))
        if not is_free(host, asked):
            raise UserError(
                Problem(f"port {asked} is taken", f"End what answers there, or choose another with --{part}-port.")
            )
        ports[part] = asked
    return ports


def is_free(host: str, port: int) -> bool:
    """Return whether a server could bind the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _next_free(host: str, port: int, used: set[int]) -> int:
    for candidate in range(port, port + _TRIES):
        if candidate not in used and is_free(host, candidate):
            return candidate
    return _any_free(host, used)


def _any_free(host: str, used: set[int]) -> int:
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port not in used:
            return port
