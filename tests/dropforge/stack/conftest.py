"""Airflow itself, in this process, as the tests of its own room have it."""

import tests.dropforge.airflow.conftest  # noqa: F401 - before anybody imports Airflow
