"""Commands about models: train, promote, versions. They need no running stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, fail, load_pipeline, print_json, say
from dropforge.cli.completion import pipelines
from dropforge.cli.progress import progress

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
    if as_json:
        print_json([
            {"version": o.version, "class": o.cls, "metrics": o.metrics, "seconds": o.seconds, "status": o.status}
            for o in outcomes
        ])  # fmt: skip
    for outcome in outcomes:
        if outcome.status == "failed":
            typer.echo(outcome.error, err=True)
        elif not as_json:
            known = " (trained before)" if outcome.status == "known" else ""
            say(f"{outcome.candidate}: version {outcome.version}{known}")
            for name, value in outcome.metrics.items():
                say(f"  {name} {value:.4f}")
    if any(outcome.status == "failed" for outcome in outcomes):
        raise fail()


def promote(
    pipeline: PipelineArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, and change nothing.")] = False,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Validate new versions, and promote the best one.

    It becomes the champion if it beats the one there is.

    --json prints {"champion", "previous", "verdict", "candidates": [{"version", "value", "passed", "reasons"}]}.

    Example: dropforge promote wine --dry-run
    """
    from dropforge.data import load
    from dropforge.promotion import Hosting
    from dropforge.promotion import promote as promote_best
    from dropforge.registry import Store

    project, settings = load_pipeline(spec, pipeline)
    rows = load(settings.data, project.home)
    with disk_explained(project.state):
        decision = promote_best(Store.connect(project), settings, rows, Hosting.of(project, settings), dry_run=dry_run)
    if as_json:
        print_json(decision.to_plain())
        return
    for contender in decision.candidates:
        value = "-" if contender.value is None else f"{contender.value:.4f}"
        say(f"version {contender.version}: {settings.promote.metric} {value} {'; '.join(contender.reasons)}".rstrip())
    say(("Would be: " if dry_run else "") + decision.verdict)


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

    project, settings = load_pipeline(spec, pipeline)
    tag = f"holdout_{settings.promote.metric}"
    with disk_explained(project.state):
        store = Store.connect(project)
        champion = store.champion(pipeline, settings.promote).version
        found = sorted(store.search(pipeline, {}), key=lambda v: (-float(v.tags.get(tag, "-inf")), v.number))
        if sort == "version":
            found.sort(key=lambda version: -version.number)
        elif sort != "value":  # the best of each class or config first
            found.sort(key=lambda version: version.tags.get("estimator" if sort == "class" else "config_file", ""))
    table: list[dict[str, Any]] = [
        {
            "version": version.version,
            "class": version.tags.get("estimator"),
            "config_file": version.tags.get("config_file"),
            "status": version.tags.get("validation_status"),
            tag: float(version.tags[tag]) if tag in version.tags else None,
            "stage": version.stage,
            "champion": champion is not None and champion.version == version.version,
        }
        for version in found
    ]
    if as_json:
        print_json(table)
        return
    from rich.table import Table

    from dropforge.cli.common import print_table

    shown = Table()
    for head in ("version", "estimator", "config", settings.promote.metric, "status", "stage"):
        shown.add_column(head, overflow="fold")  # no name is cut
    for row in table:
        value = "-" if row[tag] is None else f"{row[tag]:.4f}"
        stage = f"{row['stage']} (champion)" if row["champion"] else row["stage"]
        name = (row["class"] or "").rpartition(".")[2]
        shown.add_row(row["version"], name, row["config_file"], value, row["status"], stage)
    print_table(shown)


COMMANDS = (train, promote, versions)
