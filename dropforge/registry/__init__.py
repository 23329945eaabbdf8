"""MLflow: experiments and versions, their tags, the champion, and loading a version back."""

from dropforge.registry.store import Champion, Store, Version

__all__ = ["Champion", "Store", "Version"]
