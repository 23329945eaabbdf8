"""Which pipelines are served, and which version each: loaded aside, tried, and swapped in one assignment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from mlflow.exceptions import MlflowException

from dropforge.data import load as load_rows
from dropforge.documents import Problem, UserError
from dropforge.estimators import Allowed
from dropforge.project import Project
from dropforge.registry import Store, Version
from dropforge.registry.models import Loaded, load
from dropforge.serving.predictor import Predictor
from dropforge.serving.queue import Queue
from dropforge.serving.shelf import Shelf
from dropforge.serving.tryout import try_out
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A version that answers: as it was loaded, its predictor, and what waits for it."""

    loaded: Loaded
    predictor: Predictor
    queue: Queue

    @property
    def version(self) -> Version:
        """Which one."""
        return self.loaded.version


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

    Given the project, a version that is prepared is tried on the holdout rows, and the champion is kept beside the
    server.

    ``current`` is replaced in one assignment: a request reads it once, and answers and names that one version.
    ``trouble`` says why the champion cannot be served; empty if it can. ``resting`` is the version that answers but is
    not in memory, as others were asked more lately; the next request has it loaded again.
    """

    def __init__(self, store: Store, pipeline: Pipeline, project: Project | None = None) -> None:
        self.store, self.pipeline, self.project = store, pipeline, project
        self.shelf = Shelf(project.state / "served") if project else None
        self.current: Served | None = None
        self.resting: Version | None = None
        self.used = 0.0
        self.metrics: dict[str, float] = {}
        self.trouble = ""
        self._prepared: Served | None = None
        self._failure: Failure | None = None
        self._lock = threading.Lock()

    def prepare(self, version: str) -> None:
        """Load a version and try it, on its own example and the holdout rows, and keep it for the swap.

        Raises
        ------
        UserError
            If it cannot be loaded, fails on its own example, or does not answer as it did when it was validated.
        """
        with self._lock:
            served = self._load(version)
            self._try_out(served)
            self._prepared = served

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
            try:
                champion = self.store.holder(self.pipeline.name, self.pipeline.promote)
            except Exception:
                if self.version is None:
                    self._take_kept()
                raise
            if champion is None:
                return None
            if self._failure and self._failure.version != champion.version:
                self._failure = None
            previous = self.version.version if self.version else None
            if champion.version == previous:
                return None
            ready = self._prepared
            if ready is None or ready.version.version != champion.version:
                ready = self._try(champion.version, at_once)
            self._failure, self.trouble = None, ""
            self.metrics = self.store.metrics(ready.version)
            self.current, self.resting, self._prepared = ready, None, None
            self.used = monotonic()
            self._keep(ready.version)
        return Swap(self.pipeline.name, previous, champion.version)

    @property
    def version(self) -> Version | None:
        """The version that answers, in memory or not."""
        current = self.current
        return current.version if current else self.resting

    def rest(self) -> None:
        """Give the memory of the version that answers back, unless one is being loaded right now."""
        if self._lock.acquire(blocking=False):
            try:
                if self.current:
                    self.resting, self.current = self.current.version, None
            finally:
                self._lock.release()

    def wake(self) -> Served | None:
        """Return the version that answers, loaded again if it rests; None if there is none.

        Raises
        ------
        UserError
            If it cannot be loaded any more.
        """
        self.used = monotonic()
        with self._lock:
            if self.current is None and self.resting:
                self.current, self.resting = self._again(self.resting), None
            return self.current

    def _again(self, resting: Version) -> Served:
        """Load a version that rests from where it was kept, or else from MLflow."""
        kept = self.shelf.last(self.pipeline.name) if self.shelf else None
        if self.shelf and kept and kept.version == resting.version:
            try:
                return _served(self.shelf.load(kept, Allowed.of(self.pipeline.train).modules))
            except UserError as error:
                log.warning("%s", error)
        try:
            return self._load(resting.version)
        except MlflowException as error:
            message = f"version {resting.version} is not in memory, and MLflow does not answer"
            raise UserError(Problem(message, "Ask again when MLflow is back.")) from error

    @property
    def busy(self) -> bool:
        """Whether a version is being loaded or tried right now."""
        return self._lock.locked()

    def _try_out(self, served: Served) -> None:
        """Have a version answer the holdout rows, where this machine has them."""
        if self.project is None:
            return
        try:
            rows = load_rows(self.pipeline.data, self.project.home)
        except UserError as error:
            log.warning("%s: the holdout rows are not here: %s", self.pipeline.name, error)
            return
        try_out(served.loaded, served.predictor, rows, self.pipeline.promote)

    def _keep(self, version: Version) -> None:
        """Keep the champion for a restart; that it cannot be kept stops nobody."""
        if self.shelf is None:
            return
        try:
            self.shelf.keep(self.store, version, self.metrics)
        except Exception as error:
            log.warning("%s: version %s is not kept for a restart: %s", self.pipeline.name, version.version, error)

    def _take_kept(self) -> None:
        """Serve the champion that was served last, as MLflow does not answer."""
        kept = self.shelf.last(self.pipeline.name) if self.shelf else None
        if self.shelf is None or kept is None or (self._failure and self._failure.version == kept.version):
            return
        try:
            loaded = self.shelf.load(kept, Allowed.of(self.pipeline.train).modules)
            self.current, self.metrics, self.trouble = _served(loaded), kept.metrics, ""
        except UserError as error:
            self.trouble = error.problems[0].message
            log.warning("%s", self.trouble)
            self._failure = Failure(kept.version, error, 1.0, monotonic())
        else:
            log.warning("%s: MLflow is away; version %s answers, as it was served last", kept.name, kept.version)

    def _try(self, number: str, at_once: bool) -> Served:
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

    def _load(self, number: str) -> Served:
        version = self.store.version(self.pipeline.name, number)
        if version is None:
            raise UserError(
                Problem(f"there is no version {number} of '{self.pipeline.name}'", "Name a registered version.")
            )
        return _served(load(self.store, version, Allowed.of(self.pipeline.train).modules))


def _served(loaded: Loaded) -> Served:
    """Return a version as it answers.

    Raises
    ------
    UserError
        If it fails on its own example.
    """
    try:
        predictor = Predictor(loaded)
    except UserError:
        raise
    except Exception as error:
        message = f"it fails on its own example: {type(error).__name__}: {error}"
        raise UserError(Problem(message, "Train it again.")) from error
    return Served(loaded, predictor, Queue(predictor))


class Models:
    """The pipelines that are hosted, each with its place on the server.

    ``served`` is replaced in one assignment: read it once.

    Parameters
    ----------
    store : Store
        Where the versions are.
    pipelines : callable
        Gives the pipelines as they are now, hosted or not.
    project : Project, optional
        Where the rows are, and where champions are kept.
    most : int, optional
        How many may be in memory at once.
    """

    def __init__(
        self,
        store: Store,
        pipelines: Callable[[], Iterable[Pipeline]],
        project: Project | None = None,
        most: int | None = None,
    ) -> None:
        self.store, self.pipelines, self.project, self.most = store, pipelines, project, most
        self.served: Mapping[str, ServedModel] = {}

    def look(self) -> None:
        """Take up pipelines that came, went, or changed; who served goes on serving, by the new settings."""
        hosted = {pipeline.name: pipeline for pipeline in self.pipelines() if pipeline.host.enabled}
        for name in self.served.keys() ^ hosted.keys():
            log.info("%s is %s", name, "hosted now" if name in hosted else "not hosted any more")
        served = {}
        for name, pipeline in hosted.items():
            served[name] = self.served.get(name) or ServedModel(self.store, pipeline, self.project)
            served[name].pipeline = pipeline
        self.served = served

    def behind(self) -> list[str]:
        """Return the pipelines whose champion is another version than the one that answers.

        MLflow is asked once for all of them. Where it does not say, these are all pipelines.
        """
        served = self.served
        if not served:
            return []
        try:
            champions = self.store.champions({name: model.pipeline.promote for name, model in served.items()})
        except Exception:
            return list(served)
        answering = {name: model.version and model.version.version for name, model in served.items()}
        return [name for name in served if name in champions and champions[name] != answering[name]]

    def spare(self) -> None:
        """Let those rest that were asked least lately, where more are in memory than may be."""
        if self.most is None:
            return
        loaded = [model for model in self.served.values() if model.current]
        for model in sorted(loaded, key=lambda model: model.used)[: max(0, len(loaded) - self.most)]:
            model.rest()
