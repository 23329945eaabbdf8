"""A runner of triggers that hands an event on when it comes: Airflow's own does that once a second."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from airflow.jobs.triggerer_job_runner import TriggerRunner

log = logging.getLogger(__name__)


class PromptRunner(TriggerRunner):
    """Airflow's runner, which also hands on in between its turns, once a second at most.

    So a drop is seen at once; of files that come one after the other for long, each half a second has one event.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events = Telling()

    async def arun(self) -> None:
        """Run the triggers."""
        handing_on = asyncio.create_task(self.hand_on())
        handing_on.add_done_callback(self._end_with)
        try:
            await super().arun()
        finally:
            handing_on.cancel()

    def _end_with(self, task: asyncio.Task[None]) -> None:
        """End the runner where its task failed, as Airflow's own turn does: a new one begins with all that waits."""
        if not task.cancelled() and (error := task.exception()):
            log.error("events cannot be handed on", exc_info=error)
            self._handle_signal(None, None)

    async def hand_on(self, rest: float = 1.0) -> None:
        """Hand events on as they come, and rest for so many seconds after each time."""
        while True:
            await self.events.told.wait()
            self.events.told.clear()
            if self.events:  # Airflow's own turn has not taken them
                await self.sync_state_to_supervisor([])
                await asyncio.sleep(rest)


class Telling(deque[Any]):
    """A queue that tells when something comes."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()

    def append(self, item: Any) -> None:
        """Take something in."""
        super().append(item)
        self.told.set()
