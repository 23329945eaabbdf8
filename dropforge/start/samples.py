"""Three configs to begin with: a simple model, a forest and boosted trees, on whatever the columns hold."""

from __future__ import annotations

from typing import Any

from dropforge.documents import printable, to_yaml
from dropforge.start.proposal import Proposal

MOST_CATEGORIES = 30  # the rarer values of a column share one
_SMALL = 500  # rows; with fewer, boosted trees need smaller leaves than their default

_SIMPLE = "A straight line between the classes: quick, and what the others must beat."
_FOREST = "Many trees, each on other rows and columns: good without any tuning."
_BOOSTED = "Trees that correct each other, one after the other: often the best on tables."


def samples(proposal: Proposal) -> dict[str, str]:
    """Return three configs for a pipeline: file name to text."""
    weight = {"class_weight": "balanced"} if proposal.uneven else {}
    leaf = {"min_samples_leaf": 5} if proposal.rows < _SMALL else {}
    simple = _estimator("sklearn.linear_model.LogisticRegression", max_iter=1000, **weight)
    forest = _estimator("sklearn.ensemble.RandomForestClassifier", n_estimators=200, min_samples_leaf=2, **weight)
    boosted = _estimator(
        "sklearn.ensemble.HistGradientBoostingClassifier", learning_rate=0.1, max_iter=100, **leaf, **weight
    )
    scale = _estimator("sklearn.preprocessing.StandardScaler")
    gaps = any(column.kind == "number" and column.missing for column in proposal.columns)
    # Most of scikit-learn takes no gaps; trees do, but for those of one kind that parquet files have.
    fill = _estimator("sklearn.impute.SimpleImputer", strategy="median")
    scaled = _pipeline(fill=fill, scale=scale) if gaps else scale
    filled = fill if any(column.nullable for column in proposal.columns) else None
    made = {
        "logistic_regression.yaml": (_SIMPLE, _prepared(proposal, scaled, simple)),
        "random_forest.yaml": (_FOREST, _prepared(proposal, filled, forest)),
        "gradient_boosting.yaml": (_BOOSTED, _prepared(proposal, filled, boosted)),
    }
    notes = "".join(f"# {printable(line)}\n" for line in _notes(proposal, weight))
    return {name: f"# {about}\n{notes}{to_yaml(config)}" for name, (about, config) in made.items()}


def _notes(proposal: Proposal, weight: dict[str, str]) -> list[str]:
    notes = []
    if any(column.kind == "category" for column in proposal.columns):
        notes.append(f"words: each of a column's {MOST_CATEGORIES} most frequent values becomes a column of 0 and 1.")
    if any(not column.used for column in proposal.columns):
        notes.append("unused: columns that no model can learn from as they are.")
    if weight:
        notes.append("class_weight: rare classes count as much as frequent ones.")
    return notes


def _prepared(proposal: Proposal, numbers: Any, model: dict[str, Any]) -> dict[str, Any]:
    """Return a model behind what makes numbers of its columns.

    Parameters
    ----------
    proposal : Proposal
        Whose columns they are.
    numbers : Any
        What is done to the columns of numbers; None for nothing.
    model : dict
        The classifier.
    """
    words = [column.name for column in proposal.columns if column.kind == "category"]
    unused = [column.name for column in proposal.columns if not column.used]
    if not words and not unused:
        return _pipeline(prepare=numbers, model=model) if numbers else model
    encode = _estimator(
        "sklearn.preprocessing.OneHotEncoder",
        handle_unknown="infrequent_if_exist",
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    )
    transformers: list[list[Any]] = []
    if words:
        transformers.append(["words", encode, words])
    if unused:
        transformers.append(["unused", "drop", unused])
    prepare = _estimator(
        "sklearn.compose.ColumnTransformer", transformers=transformers, remainder=numbers or "passthrough"
    )
    return _pipeline(prepare=prepare, model=model)


def _pipeline(**steps: dict[str, Any]) -> dict[str, Any]:
    return _estimator("sklearn.pipeline.Pipeline", steps=steps)


def _estimator(path: str, **params: Any) -> dict[str, Any]:
    return {"class": path, "params": params} if params else {"class": path}
