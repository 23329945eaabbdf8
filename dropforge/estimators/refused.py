"""What no config may say, though scikit-learn would take it: whatever runs code, names code, or touches files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dropforge.documents import did_you_mean
from dropforge.estimators.parameters import Parameter, default_text, shown
from dropforge.estimators.registry import Entry

_ATTRIBUTE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_DUNDER = re.compile(r"(^|[^\w])__|\b__\w+__")
_REACHES_OUT = re.compile(r"[/\\]|:\d")  # a path, or the port of a machine
_NAMES_FILES = re.compile(r"file|path|folder|dir$|model$|^model_(in|out)|machine")
_JOBS = re.compile(r"all|\d{0,6}|(\d{1,6}\s*\*\s*)?n_jobs(\s*\*\s*\d{1,6})?")
_DTYPE = re.compile(r"bool|object|str|(u?int(8|16|32|64)?)|float(16|32|64)?")


def parameter(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    """Return why a parameter may not have a value, and what to do; None if there is no such reason.

    Parameters
    ----------
    entry : Entry
        The estimator.
    parameter : Parameter
        Its parameter.
    value : Any
        What the config says; estimators in it have been audited.
    """
    if value is None or value == parameter.default:
        return None
    checks = (_reads_files, _reaches_out, _computes, _scoring, _dtype, _names_code, _takes_function)
    found = (check(entry, parameter, value) for check in checks)
    return next((reason for reason in found if reason), None)


def _reads_files(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    if parameter.name == "memory":
        return "'memory' is not allowed: it writes and loads pickled files", "Leave it out."
    if parameter.name == "input" and value in ("file", "filename"):
        message = f"'input: {value}' is not allowed: it reads the files that the data names"
        return message, "Leave it out: the data holds the text."
    return None


def _reaches_out(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    """Of another package's parameter nothing is known but its name."""
    texts = [] if entry.path.startswith("sklearn.") else list(_texts(value))
    if texts and (_NAMES_FILES.search(parameter.name) or any(map(_REACHES_OUT.search, texts))):
        message = f"'{parameter.name}: {shown(value)}' is not allowed: it may name a file, or another machine"
        return message, f"Leave it out for the default, {default_text(parameter.default)}."
    return None


def _computes(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    if parameter.name == "pre_dispatch" and isinstance(value, str) and not _JOBS.fullmatch(value):
        message = f"'pre_dispatch: {shown(value)}' is not allowed: joblib would compute it as an expression"
        return message, "Write a number, all, or 2*n_jobs."
    return None


def _names_code(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    for text in _texts(value):
        if _DUNDER.search(text):
            return f"{shown(text)} is not allowed: it names the inside of Python's objects", "Name what is public."
        if parameter.rules is None and _ATTRIBUTE.fullmatch(text):
            message = f"{shown(text)} is not allowed: it names something in a module, and text never becomes code here"
            return message, f"Leave it out for the default, {default_text(parameter.default)}."
    return None


def _takes_function(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    if value == "pyfunc" and parameter.name == "metric":  # the word for "a function of mine, in metric_params"
        message = f"'metric: pyfunc' of {entry.name} takes a function, and a config cannot hold one"
        return message, f"Name another metric. The default is {default_text(parameter.default)}."
    if parameter.may_be_callable and parameter.name.endswith("func"):
        message = f"'{parameter.name}' of {entry.name} takes a function, and a config cannot hold one"
        return message, (
            f"Text never becomes a function here. Leave it out for the default, {default_text(parameter.default)}."
        )
    return None


def _scoring(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    if parameter.name != "scoring" or not isinstance(value, list | dict | str):
        return None
    if isinstance(value, str):
        if parameter.options:
            return None  # scikit-learn's own constraint lists them
        value = [value]
    from sklearn.metrics import get_scorer_names

    known = get_scorer_names()
    for name in value.values() if isinstance(value, dict) else value:
        if name not in known:
            remedy = did_you_mean(name, known) if isinstance(name, str) else ""
            return f"scikit-learn has no scorer {shown(name)}", remedy or "Name scorers of scikit-learn: f1_macro, ..."
    return None


def _dtype(entry: Entry, parameter: Parameter, value: Any) -> tuple[str, str] | None:
    if parameter.name != "dtype" or parameter.rules is not None or parameter.default is None:
        return None
    if isinstance(value, str) and _DTYPE.fullmatch(value):
        return None
    message = f"{shown(value)} is no type of numbers that 'dtype' of {entry.name} can name"
    last = value.rpartition(".")[2] if isinstance(value, str) else ""
    return message, f"Write {last if _DTYPE.fullmatch(last) else 'float64'}."


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
