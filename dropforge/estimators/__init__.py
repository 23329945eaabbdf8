"""What may be built, and building it: registry, audit, build, and the types that a model file may hold."""

from dropforge.estimators.audit import audit, unknown_parameter
from dropforge.estimators.build import build
from dropforge.estimators.registry import Allowed, Entry, registry
from dropforge.estimators.tree import Estimator, not_a_classifier, packages, plain

__all__ = [
    "Allowed",
    "Entry",
    "Estimator",
    "audit",
    "build",
    "not_a_classifier",
    "packages",
    "plain",
    "registry",
    "unknown_parameter",
]
