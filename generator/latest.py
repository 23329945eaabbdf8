"""The pipelines as they are now, for who lives longer than a file stays as it is: the model server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from dropforge.settings import Pipeline
from generator.plan import generated

State = dict[Path, tuple[int, int, int]]


class Latest:
    """What was generated, as the DAGs run it; where nothing is, what ``spec`` gives.

    Call it as often as you like: files are only read again once one of them changed.

    Parameters
    ----------
    home : pathlib.Path
        The project's folder.
    spec : callable
        Gives the pipelines of the spec. It is only called where nothing was generated, so that a spec which is being
        edited matters to nobody.
    """

    def __init__(self, home: Path, spec: Callable[[], tuple[Pipeline, ...]]) -> None:
        self.home, self.spec = home, spec
        self._seen: State | None = None
        self._pipelines: tuple[Pipeline, ...] = ()

    def __call__(self) -> tuple[Pipeline, ...]:
        """Return the pipelines.

        Raises
        ------
        UserError
            If nothing was generated, and the spec has a mistake.
        """
        state = self._look()  # before the files are read: what changes meanwhile is seen the next time
        if state != self._seen:
            self._pipelines = generated(self.home) or self.spec()
            self._seen = state
        return self._pipelines

    def _look(self) -> State:
        state = {}
        for path in (self.home / "dags_generated").glob("*.yaml"):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                state[path] = (found.st_ino, found.st_mtime_ns, found.st_size)
        return state
