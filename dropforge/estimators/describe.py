"""Say what an estimator takes: as text for people, as plain values for programs, and as a config ready to drop."""

from __future__ import annotations

import inspect
import math
import textwrap
from typing import Any

import yaml

from dropforge.documents import Problem, UserError
from dropforge.estimators.parameters import Parameter, default_text
from dropforge.estimators.registry import Entry

_WIDTH = 110
_TREE = {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}}
_BAYES = {"class": "sklearn.naive_bayes.GaussianNB"}
_SCALER = {"class": "sklearn.preprocessing.StandardScaler"}
# What a required parameter gets in a config that is ready to drop: the smallest thing that trains.
_EXAMPLES: dict[str, Any] = {
    "estimator": _TREE,
    "estimators": [["tree", _TREE], ["bayes", _BAYES]],
    "steps": [["scale", _SCALER], ["classify", _BAYES]],
    "param_grid": {"max_depth": [2, 4]},
    "param_distributions": {"max_depth": [2, 4]},
}
# These have a default, and do nothing with it.
_NEEDED = {("SelfTrainingClassifier", "estimator")}


def to_plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain values, for programs."""
    return {
        "class": entry.path,
        "kind": entry.kind,
        "experimental": entry.experimental,
        "summary": entry.summary,
        "parameters": {
            parameter.name: {
                "required": parameter.required,
                "default": None if parameter.required else _json(parameter.default),
                "allowed": parameter.allowed or None,
            }
            for parameter in entry.parameters.values()
        },
    }


def description(entry: Entry) -> str:
    """Return all that is known of an entry, for people."""
    kind = "a classifier, if it holds one" if entry.kind == "other" and entry.may_classify else entry.kind
    lines = [f"{entry.path} ({kind})", f"    {entry.summary}"]
    if entry.experimental:
        lines.append("    Experimental in scikit-learn: it may change with any release.")
    for parameter in entry.parameters.values():
        lines += ["", f"  {parameter.name}"]
        lines += [f"    {line}" for line in _about(parameter)]
    return "\n".join(lines)


def template(entry: Entry) -> str:
    """Return a config in YAML with every parameter, its default and its allowed values.

    What a config cannot say (a function) or should not (``random_state``, which takes the split's seed while it is
    not set) is a comment.

    Raises
    ------
    UserError
        If the entry is none that a config can name at the top.
    """
    if not entry.may_classify:
        message = f"{entry.name} is not a classifier, so no config is made of it alone"
        remedy = f"Nest it: {{class: {entry.path}}}. 'dropforge estimators {entry.name}' describes it."
        raise UserError(Problem(message, remedy))
    lines = [f"# {line}" for line in textwrap.wrap(f"{entry.name}: {entry.summary}", _WIDTH)]
    if entry.experimental:
        lines.append("# Experimental in scikit-learn: it may change with any release.")
    lines.append(f"class: {entry.path}")
    if not entry.parameters:
        return "\n".join([*lines, ""])
    body = [_lines(entry, parameter) for parameter in entry.parameters.values()]
    given = any(not line.lstrip().startswith("#") for part in body for line in part)
    lines.append("params:" if given else "params: {}")
    return "\n".join([*lines, *(line for part in body for line in part), ""])


def about(parameter: Parameter) -> str:
    """Return what there is to know of a parameter, in a few words."""
    if parameter.name == "memory":
        return "not allowed in a config: it writes and loads pickled files"
    known = "required" if parameter.required else f"default {default_text(parameter.default)}"
    if parameter.set_by_scikit_learn:
        known = "not set by default"
    if parameter.name == "random_state":
        known += "; where it is not set, it takes the split's seed"
    return f"{known}; {parameter.allowed or 'scikit-learn checks nothing beforehand'}"


def _lines(entry: Entry, parameter: Parameter) -> list[str]:
    """Return the lines of one parameter."""
    return [*(f"  # {line}" for line in _about(parameter)), *_assigned(entry, parameter)]


def _about(parameter: Parameter) -> list[str]:
    return textwrap.wrap(about(parameter), _WIDTH, break_long_words=False)


def _assigned(entry: Entry, parameter: Parameter) -> list[str]:
    if parameter.required or (entry.name, parameter.name) in _NEEDED:
        value = _EXAMPLES[parameter.name]
        if isinstance(value, list):
            return [f"  {parameter.name}:", *(f"    - {_yaml(item)}" for item in value)]
        return [f"  {parameter.name}: {_yaml(value)}"]
    hidden = parameter.set_by_scikit_learn or parameter.name in ("random_state", "memory")
    if hidden or not _can_be_said(parameter.default):
        return [f"  # {parameter.name}:"]
    return [f"  {parameter.name}: {_yaml(parameter.default)}"]


def _can_be_said(value: Any) -> bool:
    return not (inspect.isroutine(value) or inspect.isclass(value))


def _yaml(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=math.inf)
    return text.removesuffix("...\n").strip()


def _json(value: Any) -> Any:
    """Return a default as JSON can say it; what it cannot say is text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if _can_be_said(value) else default_text(value)
