"""Nobody else on the network reaches the stack: Airflow and MLflow ask for no password."""

import ipaddress
import os

import psutil


def test_every_port_of_the_stack_is_open_on_loopback_only(project):
    sessions = {part["pid"] for part in project.record()["parts"].values()} | {os.getsid(project.process.pid)}
    sockets = [
        socket.laddr
        for socket in psutil.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN and socket.pid and os.getsid(socket.pid) in sessions
    ]
    assert {int(address.rpartition(":")[2]) for address in project.addresses.values()} <= {at.port for at in sockets}
    assert [at for at in sockets if not ipaddress.ip_address(at.ip).is_loopback] == []
