"""How a task ends where something goes wrong: with a message, and whether Airflow tries it again."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dropforge.documents import ExplainedError, UserError, explain
from dropforge.project import Project

Task = TypeVar("Task", bound=Callable[..., Any])


def says_what_the_disk_refuses(task: Task) -> Task:
    """Give a task whose disk is full or read-only, or whose folders are none, a message to end with.

    Airflow tries it again all the same.
    """

    @functools.wraps(task)
    def checked(*arguments: Any, home: str, **others: Any) -> Any:
        try:
            return task(*arguments, home=home, **others)
        except AirflowException:
            raise
        except UserError as error:
            raise AirflowException(str(error)) from None
        except Exception as error:
            if problem := explain(error, Project(Path(home)).state):
                raise AirflowException(str(problem)) from error
            raise

    # dag-factory looks for the arguments, and not behind wrappers.
    checked.__signature__ = inspect.signature(task)  # type: ignore[attr-defined]
    return checked  # type: ignore[return-value]


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Let a user's mistake end the task with its message, at once: another try would not mend it.

    What is nobody's mistake, as a model server that is away, may be mended by the next try.
    """
    try:
        yield
    except UserError as error:
        raise AirflowFailException(str(error)) from None
    except ExplainedError as error:
        raise AirflowException(str(error)) from None
