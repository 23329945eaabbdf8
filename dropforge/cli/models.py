"""Commands about models: train, promote, rollback, history, versions. They need no running stack."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dropforge.cli.common import (
    SPEC,
    JsonOption,
    SpecOption,
    disk_explained,
    fail,
    load_pipeline,
    print_json,
    say,
    user,
)
from dropforge.cli.completion import pipelines
from dropforge.cli.progress import progress

if TYPE_CHECKING:
    from dropforge.promotion import Decision
    from dropforge.training import Outcome

PipelineArgument = Annotated[str, typer.Argument(help="The pipeline.", autocompletion=pipelines)]


def train(
    config: Annotated[Path, typer.Argument(help="The config.")],
    pipeline: Annotated[str, typer.Option("--pipeline", help="The pipeline.", autocompletion=pipelines)],
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Train a config's candidates here and now, as the DAG would.

    The file stays where it is. Exit code 1 if a candidate could not be trained.

    --json prints a list of {"version", "class", "metrics", "seconds", "status"}; the status is trained, known or
    failed.

    Example: dropforge train configs/wine/forest.yaml --pipeline wine
    """
    from dropforge.configs import read_candidates
    from dropforge.data import load
    from dropforge.documents import read_bytes
    from dropforge.estimators import Allowed
    from dropforge.training import Trainer

    project, settings = load_pipeline(spec, pipeline)
    content = read_bytes(config)
    candidates = read_candidates(content, config.name, Allowed.of(settings.train), settings.train.max_grid)
    rows = load(settings.data, project.home)
    shown = progress("training", len(candidates), quiet=as_json)
    with disk_explained(project.state), Trainer(settings, rows, project) as trainer, shown as done:
        outcomes = [done(trainer.train(candidate, content)) for candidate in candidates]
    tell_outcomes(outcomes, as_json, "trained before", with_metrics=True)


def tell_outcomes(outcomes: list[Outcome], as_json: bool, known: str, with_metrics: bool = False) -> None:
    """Print what became of candidates, and fail where one failed; ``known`` is said of what has a version already."""
    if as_json:
        print_json([
            {"version": o.version, "class": o.cls, "metrics": o.metrics, "seconds": o.seconds, "status": o.status}
            for o in outcomes
        ])  # fmt: skip
    for outcome in outcomes:
        if outcome.status == "failed":
            typer.echo(outcome.error, err=True)
        elif not as_json:
            before = f" ({known})" if outcome.status == "known" else ""
            say(f"{outcome.candidate}: version {outcome.version}{before}")
            for name, value in outcome.metrics.items() if with_metrics else ():
                say(f"  {name} {value:.4f}")
    if any(outcome.status == "failed" for outcome in outcomes):
        raise fail()


def promote(
    pipeline: PipelineArgument,
    version: Annotated[str | None, typer.Option("--version", help="Promote this one, whatever the gates say.")] = None,
    why: Annotated[str, typer.Option("--why", help="Why, for the history.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Validate new versions, and promote the best one.

    It becomes the champion if it beats the one there is. With --version that one is promoted by hand. Where the spec
    says approval: required, only --version promotes.

    --json prints {"champion", "previous", "verdict", "candidates": [{"version", "value", "passed", "reasons"}]}.

    Example: dropforge promote wine --dry-run

    Example: dropforge promote wine --version 7 --why "what the field test showed"
    """
    from dropforge.data import load
    from dropforge.promotion import Hosting, promote_version
    from dropforge.promotion import promote as promote_best
    from dropforge.registry import Store

    if why and version is None:
        raise typer.BadParameter("only together with --version: a tick gives its own reasons", param_hint="--why")
    project, settings = load_pipeline(spec, pipeline)
    rows = load(settings.data, project.home)
    with disk_explained(project.state):
        store, hosting = Store.connect(project), Hosting.of(project, settings)
        if version is None:
            # What needs an approval is only shown: who approves at the command line names the version.
            dry_run = dry_run or settings.promote.approval == "required"
            decision = promote_best(store, settings, rows, hosting, by=user(), dry_run=dry_run)
        else:
            decision = promote_version(store, settings, rows, hosting, version, why=why, by=user(), dry_run=dry_run)
    _show(decision, settings.promote.metric, dry_run, as_json)


def rollback(
    pipeline: PipelineArgument,
    to: Annotated[str | None, typer.Option("--to", help="The former champion; default: the one before.")] = None,
    why: Annotated[str, typer.Option("--why", help="Why, for the history.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Bring a former champion back: alias, stage and hosting.

    The timer does not promote the replaced version again, until somebody does with promote --version.

    --json prints {"champion", "previous", "verdict", "candidates": []}.

    Example: dropforge rollback wine --why "it fails on the new vintage"
    """
    from dropforge.promotion import Hosting
    from dropforge.promotion import rollback as roll_back
    from dropforge.registry import Store

    project, settings = load_pipeline(spec, pipeline)
    with disk_explained(project.state):
        store, hosting = Store.connect(project), Hosting.of(project, settings)
        decision = roll_back(store, settings, hosting, to=to, why=why, by=user(), dry_run=dry_run)
    _show(decision, settings.promote.metric, dry_run, as_json)


def _show(decision: Decision, metric: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(decision.to_plain())
        return
    for contender in decision.candidates:
        value = "-" if contender.value is None else f"{contender.value:.4f}"
        say(f"version {contender.version}: {metric} {value} {'; '.join(contender.reasons)}".rstrip())
    say(("Would be: " if dry_run else "") + decision.verdict)
    if dry_run:
        for number, step in enumerate(decision.steps, 1):
            say(f"  {number}. {step}")


def history(
    pipeline: PipelineArgument,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Show who was champion from when to when, and why.

    Newest first, with the value of the metric and who decided.

    It is kept in MLflow: each decision is a run in the experiment <pipeline>-promotions.

    --json prints a list of {"version", "from", "until", "metric", "value", "why", "by"}; times are UTC.

    Example: dropforge history wine
    """
    from dropforge.registry import Store
    from dropforge.registry.history import History

    project, _ = load_pipeline(spec, pipeline)
    with disk_explained(project.state):
        reigns = [reign.to_plain() for reign in History(Store.connect(project), pipeline).reigns()]
    if as_json:
        print_json(reigns)
        return
    if not reigns:
        say("there was no champion yet")
        return
    from rich.table import Table

    from dropforge.cli.common import print_table

    shown = Table()
    for head in ("version", "from (UTC)", "until", "value", "why", "by"):
        shown.add_column(head, overflow="fold")  # no reason is cut
    for row in reigns:
        value = "-" if row["value"] is None else f"{row['metric']} {row['value']:.4f}"
        shown.add_row(
            row["version"], _minute(row["from"]), _minute(row["until"]) or "now", value, row["why"], row["by"]
        )
    print_table(shown)


def _minute(time: str | None) -> str:
    return time[:16].replace("T", " ") if time else ""


def versions(
    pipeline: PipelineArgument,
    sort: Annotated[
        Literal["value", "version", "class", "config"], typer.Option(help="By what. By version: the newest first.")
    ] = "value",
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Show a pipeline's versions, best on the holdout rows first.

    --sort class and --sort config show the best of each first.

    --json prints a list of {"version", "class", "config_file", "status", "holdout_<metric>", "stage", "champion"}.

    Example: dropforge versions wine
    """
    from dropforge.registry import Store
    from dropforge.registry.compare import compared

    project, settings = load_pipeline(spec, pipeline)
    metric = settings.promote.metric
    with disk_explained(project.state):
        store = Store.connect(project)
        champion = store.champion(pipeline, settings.promote).version
        found = compared(store.search(pipeline, {}), champion, metric)
    found.sort(key=lambda entry: (math.inf if entry.holdout is None else -entry.holdout, int(entry.version)))
    if sort == "version":
        found.sort(key=lambda entry: -int(entry.version))
    elif sort != "value":  # the best of each class or config first
        found.sort(key=lambda entry: entry.estimator if sort == "class" else entry.config)
    if as_json:
        print_json([
            {
                "version": entry.version,
                "class": entry.estimator,
                "config_file": entry.config,
                "status": entry.status,
                f"holdout_{metric}": entry.holdout,
                "stage": entry.stage,
                "champion": entry.champion,
            }
            for entry in found
        ])  # fmt: skip
        return
    from rich.table import Table

    from dropforge.cli.common import print_table

    shown = Table()
    for head in ("version", "estimator", "config", metric, "status", "stage"):
        shown.add_column(head, overflow="fold")  # no name is cut
    for entry in found:
        value = "-" if entry.holdout is None else f"{entry.holdout:.4f}"
        stage = f"{entry.stage} (champion)" if entry.champion else entry.stage
        shown.add_row(entry.version, entry.name, entry.config, value, entry.status, stage)
    print_table(shown)


COMMANDS = (train, promote, rollback, history, versions)
