"""Requests that arrive together are answered together.

What arrived in one turn of the event loop is one predict in the next: nobody waits for company, and under load the
batches grow by themselves. A small batch is answered in the loop, as handing it to a thread costs more than that.
A large one, or a slow model's, goes to a thread; what arrives meanwhile is the next batch.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from typing import Any

import numpy as np

from dropforge.serving.errors import Refusal
from dropforge.serving.predictor import Answer, Predictor
from dropforge.serving.reading import Asked

MOST_TOGETHER = 64  # rows; more are a batch of their own already

Waiting = tuple[Asked, "asyncio.Future[Answer]"]


class Queue:
    """What waits for one version's answer.

    Parameters
    ----------
    predictor : Predictor
        Answers.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self._waiting: list[Waiting] = []
        self._woken = False

    async def ask(self, asked: Asked, pool: Executor, seconds: float) -> Answer:
        """Return the answer to rows.

        Parameters
        ----------
        asked : Asked
            The rows.
        pool : Executor
            Does what would hold up the event loop.
        seconds : float
            How long an answer may take.

        Raises
        ------
        Refusal
            If the model cannot take the rows, or the time is over.
        """
        loop = asyncio.get_running_loop()
        if len(asked) > MOST_TOGETHER or not self.predictor.together:
            if self.predictor.at_once and len(asked) <= MOST_TOGETHER:
                return self.predictor.predict(asked.rows, asked.probabilities)
            work = loop.run_in_executor(pool, self.predictor.predict, asked.rows, asked.probabilities)
            return await _within(work, seconds)
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, future))
        if not self._woken:
            self._woken = True
            loop.call_soon(self._answer, loop, pool)
        return await (future if self.predictor.at_once else _within(future, seconds))

    def _answer(self, loop: asyncio.AbstractEventLoop, pool: Executor) -> None:
        batch = self._next()
        if self.predictor.at_once:
            _give(batch, answers(self.predictor, [asked for asked, _ in batch]))
            self._go_on(loop, pool)
        else:
            work = loop.run_in_executor(pool, answers, self.predictor, [asked for asked, _ in batch])
            work.add_done_callback(lambda done: self._answered(batch, done, loop, pool))

    def _answered(self, batch: list[Waiting], done: Any, loop: asyncio.AbstractEventLoop, pool: Executor) -> None:
        error = done.exception()
        _give(batch, [error] * len(batch) if error else done.result())
        self._go_on(loop, pool)

    def _go_on(self, loop: asyncio.AbstractEventLoop, pool: Executor) -> None:
        self._woken = bool(self._waiting)
        if self._woken:
            loop.call_soon(self._answer, loop, pool)

    def _next(self) -> list[Waiting]:
        """Return what is answered next: requests whose rows together are not too many."""
        count, rows = 0, 0
        for asked, _ in self._waiting:
            rows += len(asked)
            if count and rows > MOST_TOGETHER:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch


def answers(predictor: Predictor, batch: list[Asked]) -> list[Answer | Exception]:
    """Return the answer to each of some requests, or why there is none; they are predicted together."""
    if len(batch) == 1:
        return [_attempt(predictor, batch[0])]
    rows = np.concatenate([asked.rows for asked in batch])
    try:
        found = predictor.predict(rows, any(asked.probabilities for asked in batch))
    except Exception:
        # One that cannot be answered must not fail the others.
        return [_attempt(predictor, asked) for asked in batch]
    parts: list[Answer | Exception] = []
    start = 0
    for asked in batch:
        parts.append(found.part(start, start + len(asked)))
        start += len(asked)
    return parts


def _attempt(predictor: Predictor, asked: Asked) -> Answer | Exception:
    try:
        return predictor.predict(asked.rows, asked.probabilities)
    except Exception as error:
        return error


def _give(batch: list[Waiting], found: list[Any]) -> None:
    for (_, future), answer in zip(batch, found, strict=True):
        if future.done():  # nobody waits for it any more
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)


async def _within(work: Any, seconds: float) -> Answer:
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError as error:
        message = f"the model did not answer within {seconds:g} seconds"
        raise Refusal(504, message, "Send fewer rows, or ask again.") from error
