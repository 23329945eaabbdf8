"""Which pipelines are served, and which version each: loaded aside, tried, and swapped in one assignment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from dropforge.documents import Problem, UserError
from dropforge.estimators import Allowed
from dropforge.registry import Store
from dropforge.registry.models import Loaded, load
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Swap:
    """That a pipeline's server went from one version to another."""

    pipeline: str
    previous: str | None
    version: str


@dataclass(frozen=True)
class Failure:
    """That a version could not be loaded: why, and when it is tried again (``due``, after a ``pause``)."""

    version: str
    error: Exception
    pause: float
    due: float


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
        self._failure: Failure | None = None
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

    def follow(self, *, at_once: bool = False) -> Swap | None:
        """Serve the version that holds the alias; return the swap if it is another one than before.

        A version that could not be loaded is tried again after growing pauses only, unless ``at_once``; meanwhile its
        error is raised again.

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
            if self._failure and self._failure.version != champion.version:
                self._failure = None
            previous = self.current.version.version if self.current else None
            if champion.version == previous:
                return None
            ready = self._prepared
            if ready is None or ready.version.version != champion.version:
                ready = self._try(champion.version, at_once)
            self._failure, self.trouble = None, ""
            self.metrics = self.store.metrics(ready.version)
            self.current, self._prepared = ready, None
        return Swap(self.pipeline.name, previous, champion.version)

    def _try(self, number: str, at_once: bool) -> Loaded:
        failure = self._failure
        if failure and not at_once and monotonic() < failure.due:
            raise failure.error.with_traceback(None)
        try:
            return self._load(number)
        except Exception as error:
            if isinstance(error, UserError):
                self.trouble = error.problems[0].message
            pause = min(2 * failure.pause, LONGEST_PAUSE_SECONDS) if failure else 1.0
            self._failure = Failure(number, error, pause, monotonic() + pause)
            raise

    def _load(self, number: str) -> Loaded:
        version = self.store.version(self.pipeline.name, number)
        if version is None:
            raise UserError(
                Problem(f"there is no version {number} of '{self.pipeline.name}'", "Name a registered version.")
            )
        loaded = load(self.store, version, Allowed.of(self.pipeline.train).modules)
        try:
            loaded.pyfunc.predict(loaded.example)
        except Exception as error:
            message = f"it fails on its own example: {type(error).__name__}: {error}"
            raise UserError(Problem(message, "Train it again.")) from error
        return loaded


class Models:
    """The pipelines that are hosted, each with its place on the server.

    ``served`` is replaced in one assignment: read it once.

    Parameters
    ----------
    store : Store
        Where the versions are.
    pipelines : callable
        Gives the pipelines as they are now, hosted or not.
    """

    def __init__(self, store: Store, pipelines: Callable[[], Iterable[Pipeline]]) -> None:
        self.store, self.pipelines = store, pipelines
        self.served: Mapping[str, ServedModel] = {}

    def look(self) -> None:
        """Take up pipelines that came, went, or changed; who served goes on serving, by the new settings."""
        hosted = {pipeline.name: pipeline for pipeline in self.pipelines() if pipeline.host.enabled}
        for name in self.served.keys() ^ hosted.keys():
            log.info("%s is %s", name, "hosted now" if name in hosted else "not hosted any more")
        served = {}
        for name, pipeline in hosted.items():
            served[name] = self.served.get(name) or ServedModel(self.store, pipeline)
            served[name].pipeline = pipeline
        self.served = served
