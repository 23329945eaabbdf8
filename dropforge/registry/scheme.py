"""What MLflow imports in every process that asks for a registry: the door to :mod:`dropforge.registry.quick`.

Behind it are SQLAlchemy and the tables of MLflow's database: a second of a core, which who asks a server never needs.
"""

from __future__ import annotations

from typing import Any


def quick_store(store_uri: str) -> Any:
    """Return the registry on the database that stands in an address that begins with ``dropforge:``."""
    from dropforge.registry.quick import QuickStore

    return QuickStore(store_uri)
