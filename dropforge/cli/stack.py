"""Commands about the running stack: up, down, status, serve."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dropforge.cli.common import (
    SPEC,
    JsonOption,
    SpecOption,
    disk_explained,
    fail,
    load_spec,
    print_json,
    project_of,
    say,
)
from dropforge.cli.completion import pipelines as names
from dropforge.cli.progress import bar

if TYPE_CHECKING:
    from pathlib import Path

    from dropforge.settings import Pipeline
    from dropforge.stack.drift import Drift


def _port(part: str, usual: int) -> Any:
    text = f"{part}'s port; {usual} by default, or the next free one. 0 for any free one."
    return typer.Option(help=text, min=0, max=65535, show_default=False)


Host = Annotated[str, typer.Option(help="Address to bind; loopback only.")]


def up(
    airflow_port: Annotated[int | None, _port("Airflow", 8080)] = None,
    mlflow_port: Annotated[int | None, _port("MLflow", 5001)] = None,
    server_port: Annotated[int | None, _port("The model server", 5002)] = None,
    host: Host = "127.0.0.1",
    spec: SpecOption = SPEC,
) -> None:
    """Start Airflow, MLflow and the model server.

    Each is kept alive until they end: with Ctrl-C, with 'dropforge down', or with the terminal (not under nohup).
    What nobody generated yet is generated. A port that is asked for comes first; the others get out of its way.

    Example: dropforge up --airflow-port 8081
    """
    from dropforge.project import Project
    from dropforge.stack.ports import choose, loopback
    from dropforge.stack.supervisor import Supervisor
    from generator.plan import apply, plan

    found = load_spec(spec)
    project = Project(found.home)
    wanted = {"airflow": airflow_port, "mlflow": mlflow_port, "server": server_port}
    addresses, notes = choose(loopback(host), wanted)
    for note in notes:
        say(note)
    steps = plan(found)
    if not list(project.dags.glob("*.yaml")):
        with disk_explained(found.home):
            apply(steps)
        say("generated the DAGs")
    elif any(step.action != "keep" for step in steps):
        say("dags_generated is not what the spec says: run 'dropforge generate' to take the change up")
    for pipeline in found.pipelines:
        (found.home / pipeline.train.watch).mkdir(parents=True, exist_ok=True)

    shown = contextlib.ExitStack()

    def ready() -> None:
        shown.close()
        say(f"\nAirflow       {addresses.airflow}")
        say(f"MLflow        {addresses.mlflow}")
        say(f"Model server  {addresses.server}/docs\n")
        say("Drop configs into: " + ", ".join(pipeline.train.watch for pipeline in found.pipelines))
        say("Ctrl-C ends it.")

    with disk_explained(project.state), shown:
        supervisor = Supervisor(project, addresses, say)
        supervisor.run(ready, shown.enter_context(bar("starting", len(supervisor.parts))))


def down(spec: SpecOption = SPEC) -> None:
    """End the stack of this project.

    What a killed one left behind ends too. A mistake in the spec does not matter here. Exit code 1 if the stack
    does not end within a minute.

    Example: dropforge down
    """
    from dropforge.stack.supervisor import stop

    say("the stack is down" if stop(project_of(spec)) else "no stack was up")


def status(spec: SpecOption = SPEC, as_json: JsonOption = False) -> None:
    """Show where the stack answers, and what has drifted.

    The spec, the generated files and what Airflow has read are compared. Exit code 1 when it is down.

    --json prints {"running", "addresses", "parts", "drift": [{"kind", "pipeline", "message", "remedy"}], "mistakes"};
    the mistakes are those in the spec. The kinds of drift: 'spec' (it was edited, and not generated since), 'edited'
    (a generated file was edited by hand), 'airflow' (it has not read the latest files yet, or still has DAGs whose
    files are gone), 'import error' (Airflow could not read a file; the message says why), 'unknown' (no answer).

    Example: dropforge status --json
    """
    from dataclasses import asdict

    from dropforge.stack.drift import airflow_drift
    from dropforge.stack.supervisor import status as stack_status

    project = project_of(spec)
    state = stack_status(project)
    drift, mistakes = _spec_drift(spec)
    if state["running"]:
        drift += airflow_drift(project, state["addresses"]["airflow"])
    if as_json:
        print_json(state | {"drift": [asdict(item) for item in drift], "mistakes": mistakes})
    else:
        say("the stack is up" if state["running"] else "the stack is down: 'dropforge up' starts it")
        for name, address in state["addresses"].items():
            say(f"  {name:<14} {address}")
        for name, alive in state["parts"].items():
            say(f"  {name:<14} {'alive' if alive else 'dead, is started again'}")
        for text in (*mistakes, *drift):
            say(str(text))
        if not drift and not mistakes:
            say("dags_generated is what the spec says" + (", and Airflow has read it" if state["running"] else ""))
    if not state["running"]:
        raise fail()


def _spec_drift(path: Path) -> tuple[tuple[Drift, ...], list[str]]:
    """Return where the spec and the generated files differ, or the mistakes in the spec."""
    from dropforge.documents import UserError
    from dropforge.stack.drift import Drift
    from generator.changes import changes
    from generator.plan import plan

    try:
        steps = plan(load_spec(path))
    except UserError as error:
        return (), [str(problem) for problem in error.problems]
    edited = {step.pipeline for step in steps if step.edited}
    run = "Run 'dropforge generate'."
    return tuple(
        Drift("edited", change.pipeline, "; ".join(change.words), "See 'dropforge generate --diff'.")
        if change.pipeline in edited
        else Drift("spec", change.pipeline, f"not generated yet: {'; '.join(change.words)}", run)
        for change in changes(steps)
    ), []


def serve(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Pipelines; all that are hosted by default.", autocompletion=names)
    ] = None,
    port: Annotated[int, typer.Option(help="The port.", min=1, max=65535)] = 5002,
    host: Annotated[str, typer.Option(help="Address to bind; without a token, loopback only.")] = "127.0.0.1",
    max_body_mb: Annotated[float, typer.Option(help="The largest body of a request, in MiB.", min=0.001)] = 16,
    max_rows: Annotated[int, typer.Option(help="The most rows of a request.", min=1)] = 10_000,
    max_waiting: Annotated[
        int, typer.Option(help="How many requests may wait at once; one more gets 429.", min=1)
    ] = 256,
    max_models: Annotated[
        int | None, typer.Option(help="How many models may be in memory; those asked least lately rest.", min=1)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that an answer may take.", min=0.001)] = 30,
    spec: SpecOption = SPEC,
) -> None:
    """Serve the champions over HTTP, without the rest of the stack.

    The pipelines are those that were generated, as for the DAGs; only where nothing was generated, those of the spec.
    A new generation is taken up. A pipeline that is not hosted is a mistake.

    Where the variable DROPFORGE_TOKEN is set, requests must bear it, and an address that others reach may be bound.

    Example: dropforge serve wine --port 5002
    """
    from dropforge.project import TOKEN_VARIABLE
    from dropforge.serving.front import Limits
    from dropforge.serving.run import serve as serve_models
    from dropforge.stack.ports import loopback
    from generator.latest import Latest

    project = project_of(spec)
    latest = Latest(project.home, lambda: load_spec(spec).pipelines)
    _expect_hosted(pipelines or (), latest())

    def chosen() -> list[Pipeline]:
        return [pipeline for pipeline in latest() if not pipelines or pipeline.name in pipelines]

    limits = Limits(body_mb=max_body_mb, rows=max_rows, answer_seconds=timeout, waiting=max_waiting)
    token = os.environ.get(TOKEN_VARIABLE) or None
    remedy = f"Set {TOKEN_VARIABLE} to a secret that requests must bear, or use 127.0.0.1."
    serve_models(project, chosen, host if token else loopback(host, remedy), port, limits, token, max_models)


def _expect_hosted(names: Collection[str], pipelines: Collection[Pipeline]) -> None:
    """Say so if a pipeline that shall be served is not there, or is not hosted."""
    from dropforge.documents import Problem, UserError, did_you_mean

    known = {pipeline.name: pipeline for pipeline in pipelines}
    for name in names:
        if name not in known:
            there = f"There is: {', '.join(known)}. 'dropforge generate' adds what is new."
            remedy = did_you_mean(name, list(known)) or there
            raise UserError(Problem(f"there is no pipeline '{name}'", remedy))
        if not known[name].host.enabled:
            remedy = "Set its host.enabled in pipelines.yaml, then run 'dropforge generate'."
            raise UserError(Problem(f"the pipeline '{name}' is not hosted", remedy))


COMMANDS = (up, down, status, serve)
