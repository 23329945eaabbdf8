"""Three configs to begin with: a simple model, a forest and boosted trees."""

from __future__ import annotations

from typing import Any

from dropforge.documents import to_yaml
from dropforge.start.proposal import Proposal

_SMALL = 500  # rows; with fewer, boosted trees need smaller leaves than their default

_SIMPLE = "A straight line between the classes: quick, and what the others must beat."
_FOREST = "Many trees, each on other rows and columns: good without any tuning."
_BOOSTED = "Trees that correct each other, one after the other: often the best on tables."


def samples(proposal: Proposal) -> dict[str, str]:
    """Return three configs for a pipeline: file name to text.

    None says what goes before its model: that gaps are filled, and numbers made of words, is `preprocess: auto`.
    """
    weight = {"class_weight": "balanced"} if proposal.uneven else {}
    leaf = {"min_samples_leaf": 5} if proposal.rows < _SMALL else {}
    made: dict[str, tuple[str, str, dict[str, Any]]] = {
        "logistic_regression.yaml": (_SIMPLE, "sklearn.linear_model.LogisticRegression", {"max_iter": 1000}),
        "random_forest.yaml": (
            _FOREST,
            "sklearn.ensemble.RandomForestClassifier",
            {"n_estimators": 200, "min_samples_leaf": 2},
        ),
        "gradient_boosting.yaml": (
            _BOOSTED,
            "sklearn.ensemble.HistGradientBoostingClassifier",
            {"learning_rate": 0.1, "max_iter": 100, **leaf},
        ),
    }
    return {name: _text(about, path, {**params, **weight}) for name, (about, path, params) in made.items()}


def _text(about: str, path: str, params: dict[str, Any]) -> str:
    note = "# class_weight: rare classes count as much as frequent ones.\n" if "class_weight" in params else ""
    return f"# {about}\n{note}{to_yaml({'class': path, 'params': params})}"
