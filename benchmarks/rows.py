"""The data that benchmarks make for themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

STAIRCASE = "staircase.csv"
STEPS = 14
LARGE = "large.parquet"


def write_staircase(home: Path) -> None:
    """Write a table, as large as the digits (1,800 rows x 64 columns), on which a tree with one more leaf is better.

    The target is the step of a staircase that the first column stands on; the other columns are noise. Each leaf
    names one step, and a tree with one more leaf (``max_leaf_nodes``) names one step more, so its accuracy is higher
    by that step's share of the rows: each version wins over the one before, for sure.
    """
    random = np.random.default_rng(0)
    values = random.uniform(size=(1800, 64))
    frame = pd.DataFrame(values, columns=[f"x{number}" for number in range(64)]).round(6)
    frame["target"] = (frame["x0"] * STEPS).astype(int)
    frame.to_csv(home / STAIRCASE, index=False)


def write_large(home: Path, rows: int, columns: int) -> None:
    """Write a table for large models."""
    from sklearn.datasets import make_classification

    features, target = make_classification(
        rows, columns, n_informative=columns // 2, n_redundant=columns // 5, n_classes=3, flip_y=0.05, random_state=0
    )
    frame = pd.DataFrame(features, columns=[f"x{number}" for number in range(columns)])
    frame.assign(target=target).to_parquet(home / LARGE, index=False)
