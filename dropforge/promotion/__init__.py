"""From registered to Production, and back: validate, decide, host, record, move, prove."""

from dropforge.promotion import approval
from dropforge.promotion.decide import Contender, Decision, decide
from dropforge.promotion.hosting import Hosting, Unanswered
from dropforge.promotion.promote import promote, promote_version, prove, rollback, settle
from dropforge.promotion.validate import Validation, pending, to_score, validate

__all__ = [
    "Contender",
    "Decision",
    "Hosting",
    "Unanswered",
    "Validation",
    "approval",
    "decide",
    "pending",
    "promote",
    "promote_version",
    "prove",
    "rollback",
    "settle",
    "to_score",
    "validate",
]
