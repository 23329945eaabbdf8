"""What the tests of this room share: audit a config's text, compare what was built with what was said."""

from __future__ import annotations

from typing import Any

from dropforge.documents import Problem, parse
from dropforge.estimators import Allowed, Estimator, audit
from dropforge.estimators.thirdparty import entry_of

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


def agrees(value: Any, tree: Any) -> bool:
    """Whether a built value is what a tree says."""
    if isinstance(tree, Estimator):
        params = value.get_params(deep=False)
        return type(value) is entry_of(tree.path).cls and all(agrees(params[k], v) for k, v in tree.params.items())
    if isinstance(tree, list | tuple):
        return type(value) is type(tree) and all(agrees(a, b) for a, b in zip(value, tree, strict=True))
    if isinstance(tree, dict):
        return value.keys() == tree.keys() and all(agrees(value[key], tree[key]) for key in tree)
    return type(value) is type(tree) and (value == tree or value != value)  # noqa: PLR0124 - not a number
