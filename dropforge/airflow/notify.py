"""Call the notifiers of the spec: when a task has failed for good, and when there is a new champion.

They are Airflow's own (subclasses of ``BaseNotifier``), each named by its class path. Their keyword arguments come
as one JSON string, so that nothing on the way (YAML, dag-factory, Airflow) reads a text in them as its own; what a
notifier itself does with ``{{ }}`` in a text is its feature.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow.sdk import BaseNotifier
from airflow.sdk.module_loading import import_string

from dropforge.documents import Problem, UserError

log = logging.getLogger(__name__)


class _Notifiers:
    """Notifiers as a callback of a task's. They are made when the DAG is read: a mistake shows then, not at night.

    Parameters
    ----------
    notifiers : str
        JSON: class path to keyword arguments.

    Raises
    ------
    UserError
        If a class is not there, is no notifier, or does not take the arguments.
    """

    key: ClassVar[str]

    def __init__(self, notifiers: str) -> None:
        self._notifiers = [self._made(path, arguments) for path, arguments in json.loads(notifiers).items()]

    def notify(self, context: Mapping[str, Any]) -> None:
        """Call each; what one raises keeps none of the others."""
        for notifier in self._notifiers:
            try:
                notifier(context)
            except Exception:
                log.exception("the notifier %s failed", type(notifier).__name__)

    def __call__(self, context: Mapping[str, Any]) -> None:
        """Tell, as Airflow calls it."""
        self.notify(context)

    def _made(self, path: str, arguments: Mapping[str, Any]) -> BaseNotifier:
        where = f"airflow.{self.key}.{path}"
        try:
            cls = import_string(path)
        except ImportError as error:
            remedy = "Correct the class path, or install its package where Airflow runs."
            raise UserError(Problem(f"there is no such class: {error}", remedy, path=where)) from error
        except Exception as error:
            # A module is a program: whatever it raises is a mistake in it.
            message = f"its module cannot be imported: {type(error).__name__}: {error}"
            raise UserError(Problem(message, "Correct the module.", path=where)) from error
        if not (isinstance(cls, type) and issubclass(cls, BaseNotifier)):
            raise UserError(Problem("this is no notifier of Airflow's", "Name a BaseNotifier.", path=where))
        try:
            return cls(**arguments)
        except Exception as error:
            remedy = "Correct the arguments in the spec."
            raise UserError(Problem(f"{type(error).__name__}: {error}", remedy, path=where)) from error


class OnFailure(_Notifiers):
    """Tell that a task has failed for good: no try is left, or none would help."""

    key = "on_failure"


class OnPromotion(_Notifiers):
    """Tell that there is a new champion; silent after a tick that changed nothing.

    The notifier's context (and so its ``{{ }}``) has ``promotion``: pipeline, champion, previous, verdict.
    """

    key = "on_promotion"

    def __call__(self, context: Mapping[str, Any]) -> None:
        """Tell if the task's decision names another champion than the one before."""
        task = context["ti"]
        decision = task.xcom_pull(task_ids=task.task_id)
        if decision and decision["champion"] != decision["previous"]:
            known = {name: decision[name] for name in ("champion", "previous", "verdict")}
            promotion = {"pipeline": task.dag_id.removesuffix("_promote"), **known}
            self.notify({**context, "promotion": promotion})
