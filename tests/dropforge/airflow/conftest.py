"""Airflow itself, in this process: its home is a folder of the tests, and its database has the tables we look into."""

import atexit
import importlib
import os
import shutil
import tempfile
from types import SimpleNamespace

import pytest

# Airflow reads this once, when it is imported.
_HOME = tempfile.mkdtemp(prefix="airflow-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
with pytest.MonkeyPatch.context() as patch:
    patch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", raising=False)
    for name, value in {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
    }.items():
        patch.setenv(name, value)
    importlib.import_module("airflow.settings").initialize()
assert os.environ.get("AIRFLOW_HOME") != _HOME


@pytest.fixture(scope="session")
def tables():
    """Airflow's tables."""
    from airflow import settings
    from airflow.models import import_all_models
    from airflow.models.base import Base

    import_all_models()
    Base.metadata.create_all(settings.engine)


@pytest.fixture
def left(monkeypatch):
    """What the tasks leave in Airflow, by key; they belong to one run."""
    left = {}
    context = {
        "run_id": "r1",
        "params": {},
        "dag_run": SimpleNamespace(start_date="today", run_id="r1", run_type="manual", triggering_user_name="ada"),
        "ti": SimpleNamespace(
            xcom_push=lambda key, value: left.update({key: value}),
            xcom_pull=lambda task_ids, key, map_indexes: left.get(key),
        ),
    }
    for module in ("tasks", "notes", "runs"):
        monkeypatch.setattr(f"dropforge.airflow.{module}.get_current_context", lambda: context)
    monkeypatch.setattr("dropforge.airflow.tasks.is_active", lambda dag, run: False)
    return left
