"""What the audit makes of a config: a tree of checked estimators, and what they are to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dropforge.documents import Document, Path, Problem
from dropforge.estimators.registry import Kind, registry
from dropforge.estimators.thirdparty import admitted, entry_of, installed


@dataclass(frozen=True)
class Estimator:
    """A checked estimator: its class path, and parameters in which estimators may be nested."""

    path: str
    params: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The short name of its class."""
        return self.path.rpartition(".")[2]


def plain(value: Any) -> Any:
    """Return a checked tree in the plain form: mappings with ``class`` and ``params``, keys in order."""
    if isinstance(value, Estimator):
        return {"class": value.path, "params": plain(dict(value.params))}
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def paths(value: Any) -> frozenset[str]:
    """Return the class paths in a checked tree."""
    if isinstance(value, Estimator):
        return paths(list(value.params.values())) | {value.path}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return frozenset[str]().union(*(paths(item) for item in value))
    return frozenset()


def packages(tree: Estimator) -> Mapping[str, str]:
    """Return the packages beside scikit-learn that a tree's classes come from, with their versions."""
    return installed(frozenset(path.partition(".")[0] for path in paths(tree)) - {"sklearn"})


def named_items(tree: Estimator) -> dict[str, Any]:
    """Return the estimators to which a tree gives names (a Pipeline's steps)."""
    parameter = entry_of(tree.path).named_items
    return {item[0]: item[1] for item in tree.params.get(parameter or "", ())}


def role(tree: Estimator) -> Kind:
    """Return what a tree is: a Pipeline is what its last step is, a search what it searches for."""
    decisive = _decisive(tree)
    if not decisive.path:  # the auditor found it wrong, and has said so
        return "other"
    kind = entry_of(decisive.path).kind
    return "transformer" if kind == "other" and decisive.params.get("steps") else kind


def _decisive(tree: Estimator) -> Estimator:
    """Return the estimator inside that makes a tree what it is, or itself."""
    if not tree.path or entry_of(tree.path).kind != "other":
        return tree
    steps = tree.params.get("steps")
    inner = steps[-1][1] if steps else tree.params.get("estimator")
    return _decisive(inner) if isinstance(inner, Estimator) else tree


def not_a_classifier(tree: Estimator, document: Document, path: Path) -> Problem | None:
    """Return the problem that a tree is something else than a classifier: what it is, and what to name instead.

    Parameters
    ----------
    tree : Estimator
        From :func:`dropforge.estimators.audit`.
    document, path
        Where it stands.
    """
    kind = role(tree)
    if kind == "classifier":
        return None
    decisive = _decisive(tree)
    message = f"{tree.name} is {with_article(kind)}, not a classifier"
    if decisive is not tree:
        message = f"{tree.name} is {with_article(kind)} here, not a classifier, for {decisive.name} is one"
    return document.problem((*path, "class"), message, classifier_for(decisive.path))


def with_article(kind: Kind) -> str:
    """Return ``a regressor``, ``an outlier detector``, ``an estimator of another kind``."""
    if kind == "other":
        return "an estimator of another kind"
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def classifier_for(path: str) -> str:
    """Return which classifier goes by the same name, or where to look for one."""
    module, _, name = path.rpartition(".")
    renamed = {
        "SVR": "SVC",
        "NuSVR": "NuSVC",
        "LinearSVR": "LinearSVC",
        "LinearRegression": "LogisticRegression",
        "RidgeCV": "RidgeClassifierCV",
    }
    known = registry() if path in registry() else admitted((module,))
    for guess in (renamed.get(name), name.replace("Regressor", "Classifier"), f"{name}Classifier"):
        found = known.get(f"{module}.{guess}")
        if guess and found and found.kind == "classifier":
            return f"The classifier is '{found.path}'."
    return "Name a classifier: see 'dropforge estimators'."
