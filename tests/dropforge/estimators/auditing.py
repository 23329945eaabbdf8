"""What the tests of this room share: audit a config's text."""

from __future__ import annotations

from typing import Any

from dropforge.documents import Problem, parse
from dropforge.estimators import Allowed, Estimator, audit

ALL = Allowed()


def audited(text: str, allowed: Allowed = ALL) -> tuple[Estimator | None, list[Problem]]:
    """Audit a config in YAML."""
    document = parse(text, "a.yaml")
    return audit(document.value, allowed, document, ())


def tree_of(text: str, allowed: Allowed = ALL) -> Estimator:
    """Return the tree of a config without mistakes."""
    tree, problems = audited(text, allowed)
    assert problems == []
    assert tree is not None
    return tree


def mistakes(text: str, allowed: Allowed = ALL) -> list[tuple[int | None, str, str, str]]:
    """Return line, path, message and remedy of each mistake."""
    tree, problems = audited(text, allowed)
    assert tree is None
    return [(problem.line, problem.path, problem.message, problem.remedy) for problem in problems]


def param(name: str, parameter: str, value: Any) -> str:
    """Return the config of a class with one parameter."""
    return f"class: {name}\nparams: {{{parameter}: {value}}}"
