"""Commands about what a config can name: estimators, new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, load_spec, print_json, say
from dropforge.cli.completion import estimators as names
from dropforge.cli.completion import pipelines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dropforge.estimators import Allowed, Entry

Pipeline = Annotated[
    str | None,
    typer.Option(help="Only what this pipeline allows, other packages included.", autocompletion=pipelines),
]
Kinds = Literal["classifier", "regressor", "clusterer", "transformer", "outlier detector", "other", "all"]


def estimators(
    pattern: Annotated[
        str,
        typer.Argument(
            help="A name or class path (SVC), a pattern of class paths ('*Forest*'), or a part of one (forest).",
            autocompletion=names,
        ),
    ] = "*",
    kind: Annotated[
        Kinds, typer.Option(help="What they are; a Pipeline or a search, which can be one, counts as a classifier.")
    ] = "classifier",
    pipeline: Pipeline = None,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """List what a config can name, or describe one estimator.

    Each is listed with the first line of its documentation. One that is named in full, or is the only one found, is
    described: each parameter, its default, and what it may be, in scikit-learn's words.

    --json prints a list of {"class", "kind", "experimental", "summary", "parameters": {name: {"required", "default",
    "allowed"}}}.

    Example: dropforge estimators RandomForestClassifier
    """
    import fnmatch

    from dropforge.estimators.describe import description, to_plain

    allowed, known = _known(spec, pipeline)
    named = [entry for path, entry in known.items() if pattern in (path, entry.name)]
    found = named or [
        entry
        for path, entry in sorted(known.items())
        if (kind in ("all", entry.kind) or (kind == "classifier" and entry.may_classify))
        and (fnmatch.fnmatch(path, pattern) or pattern.lower() in path.lower())
    ]
    found = [entry for entry in found if entry.path in allowed]
    if as_json:
        print_json([to_plain(entry) for entry in found])
    elif not found:
        message, remedy = _nothing(pattern, kind, allowed)
        say(f"{message}\n    {remedy}")
    elif len(found) == 1:
        say(description(found[0]))
    else:
        for entry in found:
            say(f"{entry.path}\n    {entry.summary}")


def new(
    estimator: Annotated[str, typer.Argument(help="A class path or a short name.", autocompletion=names)],
    pipeline: Pipeline = None,
    spec: SpecOption = SPEC,
) -> None:
    """Print a config that is ready to drop.

    It has every parameter with its default, and what it may be as a comment. What a config cannot hold (a
    function), or should not set (random_state), is a comment as a whole.

    Example: dropforge new RandomForestClassifier > configs/wine/forest.yaml
    """
    from dropforge.documents import Problem, UserError
    from dropforge.estimators import Entry
    from dropforge.estimators.describe import template
    from dropforge.estimators.names import find

    allowed, _ = _known(spec, pipeline)
    entry = find(estimator, allowed)
    if not isinstance(entry, Entry):
        raise UserError(Problem(*entry))
    typer.echo(template(entry), nl=False)


def _nothing(pattern: str, kind: str, allowed: Allowed) -> tuple[str, str]:
    """Return why nothing was found, and what to look for."""
    from dropforge.estimators import Entry
    from dropforge.estimators.names import find

    entry = find(pattern, allowed) if pattern.replace(".", "").isidentifier() else None
    if entry and not isinstance(entry, Entry):
        return entry
    wanted = "estimator" if kind == "all" else kind
    return f"no {wanted} fits '{pattern}'", "Look among all with --kind all, or leave the pattern out for a list."


def _known(spec: Path, pipeline: str | None) -> tuple[Allowed, Mapping[str, Entry]]:
    """Return what a pipeline allows, by default all of scikit-learn; and all that there is of it."""
    from dropforge.estimators import Allowed, registry
    from dropforge.estimators.thirdparty import admitted

    allowed = Allowed.of(load_spec(spec).pipeline(pipeline).train) if pipeline else Allowed()
    return allowed, {**registry(), **admitted(allowed.modules)}


COMMANDS = (estimators, new)
