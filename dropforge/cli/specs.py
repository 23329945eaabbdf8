"""Commands about what people write: check, generate."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, disk_explained, fail, load_spec, print_json, say


def check(
    configs: Annotated[
        list[Path] | None, typer.Argument(help="Configs; without any, the spec alone is checked.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="Whose allow-list counts; by default the config's folder tells.")
    ] = None,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Check the spec, and configs against it.

    Example: dropforge check configs/wine/forest.yaml
    """
    found = load_spec(spec)
    if not configs:
        if as_json:
            print_json([])
        else:
            say(f"{found.path.name}: {len(found.pipelines)} pipeline(s), no mistake")
        return
    results = [_check(found, path, pipeline) for path in configs]
    if as_json:
        print_json([result for result, _ in results])
    else:
        for result, texts in results:
            say(f"{result['file']}: " + (f"{len(result['candidates'])} candidate(s)" if result["ok"] else "mistakes"))
            for text in texts:
                say(f"  {text}")
    if not all(result["ok"] for result, _ in results):
        raise fail()


def _check(spec: Any, path: Path, name: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    from dropforge.configs import read_candidates
    from dropforge.documents import Problem, UserError
    from dropforge.estimators import Allowed, plain

    result: dict[str, Any] = {"file": str(path), "ok": True, "candidates": [], "errors": []}
    try:
        owner = spec.pipeline(name) if name else _owner(spec, path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(Problem(f"cannot be read: {error.strerror}", "Check the name.", str(path))) from None
        allowed = Allowed.of(owner.train)
        candidates = read_candidates(content, str(path), allowed)
        result["candidates"] = [
            {"class": candidate.estimator.path, "params": plain(dict(candidate.estimator.params))}
            for candidate in candidates
        ]
    except UserError as error:
        result["ok"] = False
        result["errors"] = [
            {"line": problem.line, "path": problem.path, "message": problem.message, "hint": problem.remedy}
            for problem in error.problems
        ]
        return result, tuple(str(problem) for problem in error.problems)
    return result, ()


def _owner(spec: Any, path: Path) -> Any:
    from dropforge.documents import Problem, UserError

    folder = path.absolute().parent
    for pipeline in spec.pipelines:
        if (spec.home / pipeline.train.watch).absolute() in (folder, *folder.parents):
            return pipeline
    if len(spec.pipelines) == 1:
        return spec.pipelines[0]
    names = ", ".join(pipeline.name for pipeline in spec.pipelines)
    raise UserError(Problem("it lies in no watch folder", f"Say whose it is with --pipeline ({names}).", str(path)))


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


COMMANDS = (check, generate)
