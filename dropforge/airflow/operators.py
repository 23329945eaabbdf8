"""The operators of the tasks that link to MLflow: Airflow's own @task, under names that a link can be bound to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk.bases.decorator import task_decorator_factory


class TrainOperator(_PythonDecoratedOperator):
    """A task whose result names runs in MLflow: it trains candidates, or compares them."""


class VersionOperator(_PythonDecoratedOperator):
    """A task that judges versions."""


def train_task(python_callable: Callable[..., Any], **kwargs: Any) -> Any:
    """Make a task that trains, as ``airflow.sdk.task`` makes one."""
    return task_decorator_factory(python_callable, decorated_operator_class=TrainOperator, **kwargs)


def version_task(python_callable: Callable[..., Any], **kwargs: Any) -> Any:
    """Make a task that judges versions, as ``airflow.sdk.task`` makes one."""
    return task_decorator_factory(python_callable, decorated_operator_class=VersionOperator, **kwargs)
