"""Commands about the spec: generate, estimators."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, fail, load_spec, print_json, say


def generate(
    check_only: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if a file is stale.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show what would change.")] = False,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Render the DAGs of pipelines.yaml into dags_generated.

    Example: dropforge generate --check
    """
    from generator.plan import apply, plan

    found = load_spec(spec)
    steps = plan(found)
    changes = [step for step in steps if step.action != "keep"]
    if not (check_only or diff):
        with disk_explained(found.home):
            apply(steps)
    if as_json:
        print_json([{"action": step.action, "file": str(step.path.relative_to(found.home))} for step in steps])
    else:
        for step in changes:
            name = step.path.relative_to(found.home)
            say(f"{name} is stale ({step.action})" if check_only else f"{step.action} {name}")
            if diff:
                old, new = (step.old or "").splitlines(), (step.new or "").splitlines()
                for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""):
                    say(line)
        if not changes:
            say(f"dags_generated is what {found.path.name} says")
        elif check_only:
            say("Run 'dropforge generate'.")
    if check_only and changes:
        raise fail()


def estimators(
    pattern: Annotated[str, typer.Argument(help="A pattern of class paths, or a part of one.")] = "*",
    pipeline: Annotated[str | None, typer.Option(help="List only what this pipeline allows.")] = None,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """List the classifiers, and what can be one (a Pipeline, a search), that a config can name.

    Example: dropforge estimators '*Forest*' --pipeline wine
    """
    import fnmatch

    from dropforge.estimators import Allowed, registry

    train = load_spec(spec).pipeline(pipeline).train if pipeline else None
    allowed = Allowed(train.estimators, train.deny) if train else Allowed()
    found = [
        entry
        for path, entry in sorted(registry().items())
        if entry.may_classify
        and path in allowed
        and (fnmatch.fnmatch(path, pattern) or pattern.lower() in path.lower())
    ]
    if as_json:
        print_json([{"class": e.path, "parameters": list(e.parameters), "summary": e.summary} for e in found])
        return
    for entry in found:
        say(f"{entry.path}\n    {entry.summary}\n    {', '.join(entry.parameters)}")


COMMANDS = (generate, estimators)
