"""The rows: where they come from, which part each belongs to, and the digest that names their state."""

from dropforge.data.rows import Part, Rows, load

__all__ = ["Part", "Rows", "load"]
