"""Airflow itself, in this process: its home is a folder of the tests, and its database has the tables we look into."""

import atexit
import importlib
import os
import shutil
import tempfile

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
