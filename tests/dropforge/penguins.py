"""The penguins of Palmer Station: words, numbers and gaps, as people have them."""

from __future__ import annotations

import importlib.resources
import shutil
from dataclasses import replace
from pathlib import Path

from dropforge.data import Rows, load
from dropforge.settings import Pipeline
from tests.dropforge.wine import WINE

PENGUINS = replace(WINE, name="penguins", data=replace(WINE.data, source="penguins.csv", target="species"))


def put_penguins(home: Path) -> Path:
    """Copy the table into a project's folder."""
    with importlib.resources.as_file(importlib.resources.files("palmerpenguins") / "data" / "penguins.csv") as table:
        return Path(shutil.copy(table, home / "penguins.csv"))


def penguins(home: Path, pipeline: Pipeline = PENGUINS) -> Rows:
    """Return the penguins, parted."""
    put_penguins(home)
    return load(pipeline.data, home)
