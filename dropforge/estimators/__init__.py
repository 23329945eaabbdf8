"""What may be built, and building it: registry, audit, build, and the types that a model file may hold."""

from dropforge.estimators.audit import Estimator, audit
from dropforge.estimators.build import build, plain
from dropforge.estimators.registry import Allowed, Entry, registry

__all__ = ["Allowed", "Entry", "Estimator", "audit", "build", "plain", "registry"]
