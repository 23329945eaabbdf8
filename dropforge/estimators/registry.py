"""The registry of estimators: computed from scikit-learn, narrowed by the spec's patterns."""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from dropforge.estimators.parameters import REQUIRED, Parameter, make_parameter
from dropforge.settings import Train

_SLIP = 0.85  # how alike two names are of which one is the other, mistyped

Kind = Literal["classifier", "regressor", "clusterer", "transformer", "outlier detector", "other"]


@dataclass(frozen=True)
class Entry:
    """One class that the registry knows.

    Parameters
    ----------
    path : str
        Its public path, as it is documented: ``sklearn.ensemble.RandomForestClassifier``.
    cls : type
        The class.
    kind : str
        What it is.
    parameters : Mapping
        What its constructor takes, by name and in order.
    summary : str
        The first line of its documentation.
    experimental : bool
        Whether scikit-learn says that it may change without notice.
    passes_on : bool
        Whether it takes parameters that its constructor does not name (``**kwargs``), as scikit-learn's never do.
    """

    path: str
    cls: type
    kind: Kind
    parameters: Mapping[str, Parameter]
    summary: str
    experimental: bool = False
    passes_on: bool = False

    @property
    def name(self) -> str:
        """The short name."""
        return self.path.rpartition(".")[2]

    @property
    def may_classify(self) -> bool:
        """Whether it is a classifier, or is one if what it holds is (a Pipeline, a search)."""
        return self.kind == "classifier" or (self.kind == "other" and hasattr(self.cls, "classes_"))

    def parameter(self, name: str) -> Parameter | None:
        """Return one parameter: named, or passed on unless it looks like a slip of the pen for one that is named."""
        if name in self.parameters or not self.passes_on:
            return self.parameters.get(name)
        slip = difflib.get_close_matches(name, self.parameters, n=1, cutoff=_SLIP)
        # What the class has already, or keeps to itself, would be overwritten by it.
        taken = name == "self" or name.startswith("_") or hasattr(self.cls, name)
        return None if slip or taken or not name.isidentifier() else Parameter(name, None, None)

    @cached_property
    def named_items(self) -> str | None:
        """The parameter that holds estimators with names (``steps``), if there is one."""
        from sklearn.utils.metaestimators import _BaseComposition

        if not issubclass(self.cls, _BaseComposition):
            return None
        names = ("steps", "transformers", "transformer_list", "estimators")
        return next((name for name in names if name in self.parameters), None)

    @cached_property
    def grid(self) -> str | None:
        """The parameter that says what a search tries, if this is one."""
        return next((name for name in ("param_grid", "param_distributions") if name in self.parameters), None)


@dataclass(frozen=True)
class Allowed:
    """The spec's allow-list of class paths, and the patterns that narrow it."""

    patterns: tuple[str, ...] = ("sklearn.*",)
    deny: tuple[str, ...] = ()

    @classmethod
    def of(cls, train: Train) -> Allowed:
        """Return what a pipeline allows."""
        return cls(tuple(train.estimators), tuple(train.deny))

    def __contains__(self, path: str) -> bool:
        return _matches(path, self.patterns) and not _matches(path, self.deny)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of other packages that the patterns name in full: ``lightgbm`` of ``lightgbm.*``.

        A pattern that begins with a wildcard names none, so that nothing is imported because of it.
        """
        literal = (re.match(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?=\.)", pattern) for pattern in self.patterns)
        names = {match[0] for match in literal if match}
        return tuple(sorted(name for name in names if name.partition(".")[0] != "sklearn"))

    def __str__(self) -> str:
        denied = f", except {', '.join(self.deny)}" if self.deny else ""
        return f"{', '.join(self.patterns)}{denied}"


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


@lru_cache(maxsize=1)
def registry() -> Mapping[str, Entry]:
    """Return every estimator of scikit-learn by its public path."""
    from sklearn.utils import all_estimators

    # scikit-learn hides what is experimental until it is asked for.
    stable = {cls for _, cls in all_estimators()}
    importlib.import_module("sklearn.experimental.enable_halving_search_cv")
    importlib.import_module("sklearn.experimental.enable_iterative_imputer")
    found = (make_entry(f"{_public_module(cls)}.{name}", cls, cls not in stable) for name, cls in all_estimators())
    return {entry.path: entry for entry in found}


@lru_cache(maxsize=1)
def short_names() -> Mapping[str, str]:
    """Return the public path of each short name that only one class of scikit-learn has."""
    return unambiguous(registry())


def unambiguous(entries: Mapping[str, Entry]) -> Mapping[str, str]:
    """Return the path of each short name that only one of the entries has."""
    paths: dict[str, list[str]] = {}
    for path, entry in entries.items():
        paths.setdefault(entry.name, []).append(path)
    return {name: found[0] for name, found in paths.items() if len(found) == 1}


def make_entry(path: str, cls: type, experimental: bool = False) -> Entry:
    """Return the entry of an estimator's class."""
    parameters, passes_on = _parameters(cls)
    return Entry(path, cls, _kind(cls), parameters, _summary(cls), experimental, passes_on)


def _public_module(cls: type) -> str:
    """Return the nearest public module that exports ``cls``."""
    parts = cls.__module__.split(".")
    while any(part.startswith("_") for part in parts) and len(parts) > 1:
        parts.pop()
    module = ".".join(parts)
    # A class of `sklearn.x._y` is exported by `sklearn.x`, in the same name.
    return module if getattr(importlib.import_module(module), cls.__name__, None) is cls else cls.__module__


def _kind(cls: type) -> Kind:
    from sklearn.base import ClassifierMixin, ClusterMixin, OutlierMixin, RegressorMixin, TransformerMixin

    kinds: tuple[tuple[type, Kind], ...] = (
        (ClassifierMixin, "classifier"),
        (RegressorMixin, "regressor"),
        (ClusterMixin, "clusterer"),
        (TransformerMixin, "transformer"),
        (OutlierMixin, "outlier detector"),
    )
    kind: Kind = next((kind for mixin, kind in kinds if issubclass(cls, mixin)), "other")
    # Vectorizers say what they are by what they do.
    return "transformer" if kind == "other" and _transforms_only(cls) else kind


def _transforms_only(cls: type) -> bool:
    return inspect.isfunction(vars(cls).get("transform")) and not hasattr(cls, "predict")


def _parameters(cls: type) -> tuple[Mapping[str, Parameter], bool]:
    """Return what a constructor names, and whether it takes more.

    A class that takes ``**kwargs`` hands them to the class that it extends, whose constructor names the others.
    """
    constraints = getattr(cls, "_parameter_constraints", {})
    found: dict[str, Parameter] = {}
    passes_on = False
    for owner in cls.__mro__:
        if "__init__" not in vars(owner) or owner is object:
            continue
        _, *taken = inspect.signature(owner.__init__).parameters.values()  # type: ignore[misc]
        for parameter in taken:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                default = REQUIRED if parameter.default is parameter.empty else parameter.default
                made = make_parameter(parameter.name, default, constraints.get(parameter.name))
                found.setdefault(parameter.name, made)
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in taken):
            return found, False
        passes_on = True
    return found, passes_on


def _summary(cls: type) -> str:
    return next((line.strip() for line in (cls.__doc__ or "").splitlines() if line.strip()), "")
