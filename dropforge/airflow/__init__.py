"""Airflow: the tasks of the generated DAGs, the trigger that wakes them, and the warm executor."""
