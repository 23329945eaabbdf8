"""Tables as people have them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def customers(rows: int = 120) -> pd.DataFrame:
    """Return a table with a bit of everything; `bought` can be learned from the rest."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame({
        "customer_id": np.arange(rows) + 1,
        "since": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
        "city": random.choice(["Aachen", "Bonn", "Köln"], rows),
        "age": random.integers(18, 80, rows).astype(float),
        "price": [f"{value:.2f} €".replace(".", ",") for value in random.uniform(1, 99, rows)],
        "note": [f"customer number {number} said so" for number in range(rows)],
        "member": random.choice([True, False], rows),
        "visits": random.poisson(6, rows),
    })  # fmt: skip
    frame["bought"] = np.where(frame["visits"] + (frame["city"] == "Bonn") > 6, "yes", "no")
    frame.loc[::9, "age"] = np.nan
    frame.loc[::7, "city"] = None
    return frame


def written(frame: pd.DataFrame) -> str:
    """Return a table as the text of a CSV file."""
    return frame.to_csv(index=False)
