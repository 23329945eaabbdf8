"""The configs that are dropped. A seed makes a candidate new without making it another amount of work."""

from __future__ import annotations

import json
from typing import Any


def config(cls: str, **params: Any) -> str:
    """Return a config of one model."""
    return json.dumps({"class": f"sklearn.{cls}", "params": params})


def small(count: int, seed: int) -> dict[str, str]:
    """Return configs of models that take milliseconds on the digits: the platform's own time is what shows.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Another one gives other candidates of the same kind.
    """
    kinds = (
        lambda number: config("tree.DecisionTreeClassifier", max_depth=8, random_state=number),
        lambda number: config("ensemble.RandomForestClassifier", n_estimators=20, random_state=number),
        lambda number: config("naive_bayes.GaussianNB", var_smoothing=1e-6 * (1 + 1e-6 * number)),
        lambda number: config("linear_model.RidgeClassifier", alpha=1.0, random_state=number),
    )
    first = seed * 100_000
    return {f"s{seed}-{i:04}.json": kinds[i % len(kinds)](first + i) for i in range(count)}


def large(seed: int) -> dict[str, str]:
    """Return configs of five models that take 10 to 20 seconds each on the large table."""
    models = {
        "forest": config("ensemble.RandomForestClassifier", n_estimators=23, max_depth=12, random_state=seed),
        "extra": config(
            "ensemble.ExtraTreesClassifier", n_estimators=60, max_depth=10, max_features=0.4, random_state=seed
        ),
        "boosting": config("ensemble.HistGradientBoostingClassifier", max_iter=160, random_state=seed),
        "tree": config("tree.DecisionTreeClassifier", random_state=seed),
        "perceptron": config("neural_network.MLPClassifier", hidden_layer_sizes=[64], max_iter=60, random_state=seed),
    }
    return {f"{name}-{seed}.json": text for name, text in models.items()}


def five(seed: int) -> dict[str, str]:
    """Return configs of five models that MLflow's defaults can store (they refuse trees: untrusted types)."""
    models = {
        "logistic": config("linear_model.LogisticRegression", C=0.1, max_iter=50, random_state=seed),
        "ridge": config("linear_model.RidgeClassifier", alpha=1.0, random_state=seed),
        "sgd": config("linear_model.SGDClassifier", random_state=seed),
        "bayes": config("naive_bayes.GaussianNB", var_smoothing=1e-6 * (1 + 1e-6 * seed)),
        "perceptron": config("linear_model.Perceptron", random_state=seed),
    }
    return {f"{name}-{seed}.json": text for name, text in models.items()}
