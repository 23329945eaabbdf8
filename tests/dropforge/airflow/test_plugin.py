"""Airflow finds the plugin by itself, and no process pays for it."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from airflow import plugins_manager
from airflow.listeners.listener import get_listener_manager

from dropforge.airflow import plugin


def test_airflow_finds_it():
    assert plugin.DropforgePlugin in [entry.load() for entry in entry_points(group="airflow.plugins")]
    assert {link.name for link in plugins_manager.get_operator_extra_links()} >= {"MLflow run", "Model in MLflow"}
    assert get_listener_manager().pm.is_registered(plugin)


def test_it_is_bound_to_our_tasks_alone():
    assert plugins_manager.get_global_operator_extra_links() == []
    names = {operator.__name__ for link in plugins_manager.get_operator_extra_links() for operator in link.operators}
    assert names == {"TrainOperator", "VersionOperator"}


@pytest.mark.slow
def test_it_brings_nothing_heavy_along():
    code = (
        "import sys, airflow.plugins_manager, airflow.providers.standard.decorators.python\n"
        "before = set(sys.modules)\n"
        "import dropforge.airflow.plugin\n"
        "print('NEW', *sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    new = done.stdout.rpartition("NEW ")[2].split()
    ours = {name.removeprefix("dropforge").removeprefix(".airflow") for name in new if name.startswith("dropforge")}
    assert ours == {"", ".links", ".operators", ".plugin", ".turns"}
    assert {name.partition(".")[0] for name in new} <= {"dropforge", "airflow"}
