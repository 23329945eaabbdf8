"""A person's answer to a proposal: the question that leaves it behind, and how later tasks read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

KEY = "answer"


@dataclass(frozen=True)
class Answer:
    """What became of a question, and who answered it; ``by`` is None where nobody did in time."""

    approved: bool
    by: str | None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Answer:
        """Return the answer in what Airflow resumes a question with."""
        user = event["responded_by_user"]
        by = f"{user.get('name') or user['id']} in Airflow" if user else None
        return cls(ApprovalOperator.APPROVE in event["chosen_options"], by)


class Question(ApprovalOperator):
    """Airflow's own operator for approvals, which leaves the answer as an XCom.

    Airflow's leaves none where it is a rejection, as the task then ends by skipping what follows.
    """

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on with the answer."""
        if "error" not in event:
            context["ti"].xcom_push(key=KEY, value=vars(Answer.of(event)))
        return super().execute_complete(context, event)


def answered(ti: Any, question: str) -> Answer | None:
    """Return the answer that a task of this run left; None where the question came to no end."""
    found = ti.xcom_pull(task_ids=question, key=KEY)
    return Answer(**found) if found else None
