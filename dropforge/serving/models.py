"""Which version each pipeline serves: loaded aside, tried, and swapped in one assignment."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from dropforge.documents import Problem, UserError
from dropforge.registry import Store
from dropforge.registry.models import Loaded, load
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swap:
    """That a pipeline's server went from one version to another."""

    pipeline: str
    previous: str | None
    version: str


class ServedModel:
    """One pipeline's place on the server.

    ``current`` is replaced in one assignment: a request reads it once, and answers and names that one version.
    ``trouble`` says why the champion cannot be served; empty if it can.
    """

    def __init__(self, store: Store, pipeline: Pipeline) -> None:
        self.store, self.pipeline = store, pipeline
        self.current: Loaded | None = None
        self.metrics: dict[str, float] = {}
        self.trouble = ""
        self._prepared: Loaded | None = None
        self._lock = threading.Lock()

    def prepare(self, version: str) -> None:
        """Load a version and try it, and keep it for the swap.

        Raises
        ------
        UserError
            If it cannot be loaded, or fails on its own example.
        """
        with self._lock:
            self._prepared = self._load(version)

    def follow(self) -> Swap | None:
        """Serve the version that holds the alias; return the swap if it is another one than before.

        Raises
        ------
        UserError
            If that version cannot be served; the old one stays.
        """
        with self._lock:
            # Read under the lock, or a slow reader would bring back a version that was replaced meanwhile.
            champion = self.store.champion(self.pipeline.name, self.pipeline.promote).version
            if champion is None:
                return None
            previous = self.current.version.version if self.current else None
            if champion.version == previous:
                return None
            ready = self._prepared
            if ready is None or ready.version.version != champion.version:
                try:
                    ready = self._load(champion.version)
                except UserError as error:
                    self.trouble = error.problems[0].message
                    raise
            self.trouble = ""
            self.metrics = self.store.metrics(ready.version)
            self.current, self._prepared = ready, None
        return Swap(self.pipeline.name, previous, champion.version)

    def _load(self, number: str) -> Loaded:
        version = self.store.version(self.pipeline.name, number)
        if version is None:
            raise UserError(
                Problem(f"there is no version {number} of '{self.pipeline.name}'", "Name a registered version.")
            )
        loaded = load(self.store, version)
        try:
            loaded.pyfunc.predict(loaded.example)
        except Exception as error:
            message = f"it fails on its own example: {type(error).__name__}: {error}"
            raise UserError(Problem(message, "Train it again.")) from error
        return loaded
