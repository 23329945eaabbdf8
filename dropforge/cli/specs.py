"""The command check: the spec, and configs against it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, fail, load_spec, print_json, say


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


COMMANDS = (check,)
