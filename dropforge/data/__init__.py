"""The rows: where they come from, which part each belongs to, the digest that names their state; one copy for all."""

from dropforge.data.columns import Column
from dropforge.data.parting import Part, Parting
from dropforge.data.rows import Rows
from dropforge.data.shared import load

__all__ = ["Column", "Part", "Parting", "Rows", "load"]
