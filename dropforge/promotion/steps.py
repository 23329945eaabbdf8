"""The steps of a promotion: each says in words what it does, and does it.

A plan is a list of them that is either explained or carried out, so that the two cannot differ. Each can be done again
after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dropforge.documents import Problem, UserError
from dropforge.promotion.hosting import Hosting, Unanswered
from dropforge.registry import Store, Version
from dropforge.registry.history import Account, Entry, History


@dataclass
class World:
    """What steps act on, and the id of the record that is open."""

    store: Store
    history: History
    hosting: Hosting | None
    record: str | None = None


class Refused(UserError):
    """The model server refuses a version."""

    def __init__(self, version: str, problems: Sequence[Problem]) -> None:
        super().__init__(list(problems))
        self.version = version


class Step(Protocol):
    """One step of a plan."""

    def explain(self) -> str:
        """Return what it does, in words."""

    def do(self, world: World) -> None:
        """Do it."""


@dataclass(frozen=True)
class Prepare:
    """Have the model server load a version and try it, before anything moves."""

    version: Version

    def explain(self) -> str:
        """Return what it does, in words."""
        return f"the model server loads version {self.version.version} and tries it"

    def do(self, world: World) -> None:
        """Do it; a refusal is raised."""
        if world.hosting:
            try:
                world.hosting.prepare(self.version.version)
            except UserError as error:
                raise Refused(self.version.version, error.problems) from error


@dataclass(frozen=True)
class OpenRecord:
    """Record a decision as a run in MLflow, before it is carried out."""

    entry: Entry
    account: Callable[[], Account]  # made when it is needed: it holds a plot

    def explain(self) -> str:
        """Return what it does, in words."""
        return f"the decision is recorded in MLflow: {self.entry.kind}"

    def do(self, world: World) -> None:
        """Do it."""
        world.record = world.history.open(self.entry, self.account())


@dataclass(frozen=True)
class CloseRecord:
    """Say in the record that the decision was carried out, or that nothing came of it."""

    run_id: str | None = None  # the one that this plan opened
    done: bool = True

    def explain(self) -> str:
        """Return what it does, in words."""
        return "the record is closed" if self.done else "a record of a decision that was never carried out is closed"

    def do(self, world: World) -> None:
        """Do it."""
        if run_id := self.run_id or world.record:
            world.history.close(run_id, done=self.done)


@dataclass(frozen=True)
class MoveAlias:
    """Move the alias: the one moment at which the champion changes."""

    version: Version
    alias: str

    def explain(self) -> str:
        """Return what it does, in words."""
        return f"the alias {self.alias} moves to version {self.version.version}"

    def do(self, world: World) -> None:
        """Do it."""
        world.store.set_alias(self.version, self.alias)


@dataclass(frozen=True)
class MoveStage:
    """Let the stage follow the alias, and archive who was there."""

    version: Version
    stage: str

    def explain(self) -> str:
        """Return what it does, in words."""
        return f"version {self.version.version} moves to the stage {self.stage}; who was there is archived"

    def do(self, world: World) -> None:
        """Do it."""
        world.store.set_stage(self.version, self.stage)


@dataclass(frozen=True)
class Swap:
    """Have the model server serve who holds the alias."""

    version: Version

    def explain(self) -> str:
        """Return what it does, in words."""
        return f"the model server goes over to version {self.version.version}"

    def do(self, world: World) -> None:
        """Do it, unless it is served already; where the server is away by now, all else is done."""
        try:
            if world.hosting and world.hosting.served() != self.version.version:
                world.hosting.swap()
        except Unanswered as error:
            (problem,) = error.problems
            message = f"version {self.version.version} is the champion, but {problem.message}"
            remedy = "It goes over to the champion by itself when it is back: `dropforge status` shows whether it runs."
            raise Unanswered(Problem(message, remedy)) from error


@dataclass(frozen=True)
class Tag:
    """Write on a version what was decided about it."""

    version: Version
    tags: Mapping[str, str]

    def explain(self) -> str:
        """Return what it does, in words."""
        said = ", ".join(f"{name}: {value}" for name, value in self.tags.items() if value)
        return f"version {self.version.version} is tagged {said}"

    def do(self, world: World) -> None:
        """Do it; what it says already costs no call."""
        world.store.tag(self.version, self.tags)


def carry_out(steps: Sequence[Step], world: World) -> None:
    """Do the steps in order."""
    for step in steps:
        step.do(world)
