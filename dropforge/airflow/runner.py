"""A runner of triggers that hands an event on when it comes: Airflow's own does that once a second."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from airflow.jobs.triggerer_job_runner import TriggerRunner


class PromptRunner(TriggerRunner):
    """Airflow's runner, which also hands on in between; what comes within a second of that waits for the next turn.

    So a drop is seen at once, and while many files come one after the other, there are no more runs than before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events = Telling()

    async def arun(self) -> None:
        """Run the triggers."""
        handing_on = asyncio.create_task(self.hand_on())
        try:
            await super().arun()
        finally:
            handing_on.cancel()

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
