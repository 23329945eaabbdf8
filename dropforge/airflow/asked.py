"""The form of the promote DAG: what a person asks for, and who it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROLLBACK = "rollback"
TIMER = "the timer"


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


def _by(run: Any) -> str:
    kind = str(getattr(run.run_type, "value", run.run_type))
    if kind == "manual":
        return f"{run.triggering_user_name or 'somebody'} in Airflow"
    return TIMER if kind == "scheduled" else "Airflow, as there were new versions"
