"""A candidate's digest: what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from dropforge.configs.candidates import Candidate
from dropforge.estimators import packages, plain
from dropforge.settings import Split


def digest(candidate: Candidate, data_digest: str, split: Split, preprocessing: Any = "none") -> str:
    """Return the digest of a candidate on its data.

    It covers the normal form of the config, the preprocessing, the data, the split and the major.minor version of
    scikit-learn, and of other packages that the model's classes come from; not the file's name, the model's name or
    the order of keys.

    Parameters
    ----------
    candidate : Candidate
        The candidate.
    data_digest : str
        Names the state of the data.
    split : Split
        How the rows are split.
    preprocessing : Any
        What goes before the model, as plain values; ``none`` where nothing does.
    """
    import sklearn

    content = {
        "estimator": plain(candidate.estimator),
        "preprocessing": preprocessing,
        "data": data_digest,
        "split": _split(split),
        "scikit-learn": _short(sklearn.__version__),
    }
    if others := packages(candidate.estimator):
        content["packages"] = {name: _short(version) for name, version in others.items()}
    return _digest(content)


def model_digest(candidate: Candidate) -> str:
    """Return the digest of a candidate's class and parameters alone, which is the same on other data and splits."""
    return _digest(plain(candidate.estimator))


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _split(split: Split) -> dict[str, Any]:
    """Return a split as it was before there was more than one method, unless it is by another."""
    later = {"method": "hash", "group": None, "time": None}
    return {name: value for name, value in asdict(split).items() if name not in later or later[name] != value}


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])
