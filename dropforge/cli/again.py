"""Commands that train versions again: reproduce, retrain. They need no running stack."""

from __future__ import annotations

from typing import Annotated

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, fail, load_pipeline, print_json, say
from dropforge.cli.models import PipelineArgument, tell_outcomes
from dropforge.cli.progress import progress


def reproduce(
    pipeline: PipelineArgument,
    version: Annotated[str, typer.Argument(help="The version.")],
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Train a version again, and say whether it is the same.

    Config and settings are those of then, from MLflow; the data are read from their source. Nothing is logged. It is
    the same if digest, metrics and every prediction are. Exit code 1 if it is not.

    --json prints {"version", "same", "differences", "metrics", "compared"}.

    Example: dropforge reproduce wine 6
    """
    from dropforge.documents import Problem, UserError
    from dropforge.registry import Store
    from dropforge.training import reproduce as train_again

    project, settings = load_pipeline(spec, pipeline)
    with disk_explained(project.state):
        store = Store.connect(project)
        found = store.version(settings.name, version)
        if found is None:
            raise UserError(Problem(f"there is no version {version} of '{pipeline}'", "See 'dropforge versions'."))
        result = train_again(store, project, found)
    if as_json:
        print_json({**vars(result), "same": result.same, "differences": list(result.differences)})
    elif result.same:
        say(f"version {version}: the same, in digest, {len(result.metrics)} metrics and {result.compared} predictions")
    else:
        say(f"version {version}: not the same")
        for line in result.differences:
            say(f"  {line}")
    if not result.same:
        raise fail()


def retrain(
    pipeline: PipelineArgument,
    best: Annotated[int, typer.Option("--best", min=0, help="How many versions beside the champion.")] = 3,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Train the champion and the best few on today's data.

    The settings are those of today as well. Where neither has changed since, nothing is trained. What is new is
    validated and promoted as any version is. Exit code 1 if one could not be trained, which
    keeps no other from it.

    --json prints a list of {"version", "class", "metrics", "seconds", "status"}; the status is trained, known or
    failed.

    Example: dropforge retrain wine --best 2
    """
    from dropforge.data import load
    from dropforge.registry import Store
    from dropforge.training import Trainer, to_train_again, worth_training

    project, settings = load_pipeline(spec, pipeline)
    with disk_explained(project.state):
        store = Store.connect(project)
        recipes, outcomes = to_train_again(store, settings, worth_training(store, settings, best))
        rows = load(settings.data, project.home)
        shown = progress("training", len(recipes), quiet=as_json)
        with Trainer(settings, rows, project) as trainer, shown as done:
            outcomes += [done(trainer.train(recipe.candidate, recipe.config)) for recipe in recipes]
    if not outcomes and not as_json:
        say("no version has a score on the holdout rows yet")
    tell_outcomes(outcomes, as_json, "the same as before")


COMMANDS = (reproduce, retrain)
