"""The trigger behind a watch folder: it wakes the train DAG when a config waits there.

Its event is only a wake-up: events merge and can slip to the next run, so ``claim`` lists the folder itself. It comes
as soon as nobody holds the file open for writing: until ``claim`` begins, and sees whether the file has been quiet for
long enough to be whole, Airflow takes as long anyway.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from watchfiles import awatch

from dropforge.airflow.runs import is_active
from dropforge.folder import SETTLE_SECONDS, Arrival, WatchFolder
from dropforge.project import Project

log = logging.getLogger(__name__)


class DropTrigger(BaseEventTrigger):
    """Announce configs.

    Parameters
    ----------
    dag_id : str
        The train DAG.
    home : str
        The project's folder.
    watch : str
        The watch folder, as the spec says it.
    poll : float
        Seconds between looks where no file event comes (network folders send none).
    remind : float
        Seconds after which files that nobody claimed are announced again.
    trusted : float
        Seconds after a claim for which its run is not asked about. Most end sooner, and the first question has the
        triggerer import Airflow's API: seconds of a core, while the first drop is trained.
    """

    def __init__(
        self, dag_id: str, home: str, watch: str, poll: float = 2.0, remind: float = 30.0, trusted: float = 20.0
    ) -> None:
        super().__init__()
        self.dag_id, self.home, self.watch = dag_id, home, watch
        self.poll, self.remind, self.trusted = poll, remind, trusted

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow needs to make this trigger again."""
        kwargs = {name: getattr(self, name) for name in ("dag_id", "home", "watch", "poll", "remind", "trusted")}
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each batch of files that waits."""
        folder = WatchFolder(Project(Path(self.home)).resolve(self.watch), Path())
        announced: dict[str, tuple[float, int]] = {}
        async for _ in self._wake_ups(folder.path):
            try:
                waiting = await sync_to_async(folder.waiting)(lambda run: is_active(self.dag_id, run), self.trusted)
            except OSError as error:  # a folder out of reach comes back one day; a trigger that ended does not
                log.warning("%s cannot be listed: %s", self.watch, error)
                continue
            now, names = time.monotonic(), {arrival.path.name for arrival in waiting}
            announced = {
                name: (at, changed)
                for name, (at, changed) in announced.items()
                if name in names and now - at < self.remind
            }
            if new := [arrival for arrival in waiting if _is_news(arrival, announced)]:
                announced |= {arrival.path.name: (now, arrival.changed) for arrival in new}
                # For people to read: a name may hold bytes that are no text, and would end the triggerer.
                files = [os.fsencode(arrival.path.name).decode(errors="replace") for arrival in new]
                yield TriggerEvent({"files": files})

    async def _wake_ups(self, folder: Path) -> AsyncIterator[None]:
        """Yield at the start, after file events and once they have settled, and at every ``poll``."""
        while True:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                yield
                watcher = awatch(
                    folder,
                    watch_filter=None,
                    debounce=50,
                    step=20,
                    recursive=False,
                    rust_timeout=int(self.poll * 1000),
                    yield_on_timeout=True,
                )
                async for changes in watcher:
                    if changes:
                        yield
                        await asyncio.sleep(SETTLE_SECONDS)
                    if not folder.is_dir():
                        break  # removed: it is made anew, and watched anew
                    yield
            except OSError as error:
                log.warning("%s cannot be watched: %s", self.watch, error)
            await asyncio.sleep(self.poll)


def _is_news(arrival: Arrival, announced: Mapping[str, tuple[float, int]]) -> bool:
    """Return whether something is to be announced: at once, and when it was written to since, once it is whole.

    A run may have found half of that, and left it.
    """
    known = announced.get(arrival.path.name)
    return arrival.is_closed if known is None else arrival.is_whole and arrival.changed != known[1]
