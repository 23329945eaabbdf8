"""From registered to Production: validate, decide, host, move, prove."""

from dropforge.promotion.decide import Contender, Decision, decide
from dropforge.promotion.hosting import Hosting
from dropforge.promotion.promote import promote, prove
from dropforge.promotion.validate import Validation, pending, validate

__all__ = [
    "Contender",
    "Decision",
    "Hosting",
    "Validation",
    "decide",
    "pending",
    "promote",
    "prove",
    "validate",
]
