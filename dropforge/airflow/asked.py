"""The form of the promote DAG: what a person asks for, and who it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROLLBACK = "rollback"


@dataclass(frozen=True)
class Asked:
    """What a run was asked for.

    Parameters
    ----------
    action : str
        ``promote`` or ``rollback``.
    version : str, optional
        The version to promote, or to go back to.
    why, by : str
        For the history.
    dry_run : bool
        Say what would be done, and do nothing.
    key : str
        Names the run, so that a task that is tried again or cleared asks for nothing twice.
    """

    action: str
    version: str | None
    why: str
    by: str
    dry_run: bool
    key: str

    @property
    def by_hand(self) -> bool:
        """Whether somebody asks for one version, and no tick is meant."""
        return self.action == ROLLBACK or self.version is not None


def asked(context: Mapping[str, Any]) -> Asked:
    """Return what the run of a task was asked for; a run without a form is a tick."""
    params, run = context["params"], context["dag_run"]
    return Asked(
        action=str(params.get("action") or "promote"),
        version=str(params.get("version") or "").strip() or None,
        why=" ".join(str(params.get("why") or "").split()),
        by=_by(run),
        dry_run=bool(params.get("dry_run")),
        key=hashlib.sha256(str(run.run_id).encode()).hexdigest()[:32],
    )


@dataclass(frozen=True)
class Answer:
    """What a person answered to a proposal, and who; ``by`` is empty where Airflow names nobody."""

    approved: bool
    by: str


def answer_of(result: Mapping[str, Any] | None) -> Answer | None:
    """Return the answer that the task ``approve`` left; None without one."""
    if not result:
        return None
    user = result.get("responded_by_user")
    name = user.get("name") or user.get("id") if isinstance(user, Mapping) else user
    return Answer("Approve" in result["chosen_options"], f"{name} in Airflow" if name else "")


def _by(run: Any) -> str:
    kind = str(getattr(run.run_type, "value", run.run_type))
    if kind == "manual":
        return f"{run.triggering_user_name or 'somebody'} in Airflow"
    return "the timer" if kind == "scheduled" else "Airflow, as there were new versions"
