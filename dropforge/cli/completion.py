"""What the shell proposes when Tab is pressed. A mistake in the spec proposes nothing, and says nothing."""

from __future__ import annotations

from pathlib import Path

import typer

from dropforge.cli.common import SPEC, load_spec


def pipelines(context: typer.Context, incomplete: str) -> list[str]:
    """Return the spec's pipelines whose names begin so."""
    from dropforge.documents import UserError

    try:
        found = load_spec(Path(context.params.get("spec") or SPEC)).pipelines
    except UserError:
        return []
    taken = context.params.get("pipelines") or ()  # where a command takes several
    return [pipeline.name for pipeline in found if pipeline.name.startswith(incomplete) and pipeline.name not in taken]


def estimators(incomplete: str) -> list[tuple[str, str]]:
    """Return the estimators of scikit-learn whose names, or class paths, begin so; with what they are."""
    from dropforge.estimators import registry
    from dropforge.estimators.registry import short_names

    named = {path: path for path in registry()} if incomplete.startswith("sklearn.") else short_names()
    return [
        (name, registry()[path].summary)
        for name, path in sorted(named.items())
        if name.lower().startswith(incomplete.lower())
    ]
