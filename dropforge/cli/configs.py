"""Commands about configs: check, convert."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dropforge.cli.common import SPEC, JsonOption, SpecOption, columns, fail, load_spec, print_json, say
from dropforge.cli.completion import pipelines
from dropforge.cli.progress import progress

if TYPE_CHECKING:
    from dropforge.configs import Candidate
    from dropforge.documents import Problem, UserError
    from dropforge.settings import Pipeline
    from generator.spec import Spec


def check(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Configs, or folders of them (without done/ and rejected/); without any, the spec alone is checked."
        ),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(help="Whose allow-list counts; by default the config's folder tells.", autocompletion=pipelines),
    ] = None,
    spec: SpecOption = SPEC,
    as_json: JsonOption = False,
) -> None:
    """Check the spec, and configs against it.

    Each mistake is shown with its line, and a caret under its place. Exit code 1 if there is one. Where the spec names
    notifiers, the check of the spec alone makes each of them, which takes a second or two.

    --json prints a list of {"file", "ok", "candidates": [{"class", "params"}], "errors": [{"line", "column", "path",
    "value", "message", "hint"}]}: of each config, or of a spec with a mistake, which hides the rest.

    Example: dropforge check configs/wine/forest.yaml
    """
    from dropforge.documents import UserError

    try:
        found = load_spec(spec)
        if not configs:
            _check_notifiers(found)
    except UserError as error:
        if not as_json:
            raise
        print_json([result.to_plain() for result in _by_file(error, spec)])
        raise fail() from None
    if not configs:
        if as_json:
            print_json([])
        else:
            say(f"{found.path.name}: {len(found.pipelines)} pipeline(s), no mistake")
        return
    files = list(_files(configs))
    with progress("checking", len(files), quiet=as_json) as done:
        results = [done(_check(found, path, pipeline)) for path in files]
    if as_json:
        print_json([result.to_plain() for result in results])
    elif not results:
        say("no config there")
    else:
        for result in results:
            _show(result)
    if any(result.problems for result in results):
        raise fail()


def convert(
    configs: Annotated[
        list[Path] | None, typer.Argument(help="Configs in any dialect; '-', or none, is what comes in by a pipe.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print configs in the plain form, from any dialect.

    It needs no spec, and does not look whether one allows what they ask for. What is ambiguous is a mistake.

    --json prints JSON instead of YAML: one config, or {"models": [...]} where there are several.

    Example: dropforge convert configs/wine/forest.yaml
    """
    from dropforge.configs import convert as converted
    from dropforge.configs import plain_form
    from dropforge.documents import MAX_BYTES, UserError, read_bytes, to_yaml

    found: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for path in configs or [Path("-")]:
        try:
            piped = str(path) == "-"
            content = sys.stdin.buffer.read(MAX_BYTES + 1) if piped else read_bytes(path)
            found += converted(content, "stdin.yaml" if piped else str(path))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    if as_json:
        print_json(plain_form(found))
    else:
        sys.stdout.write(to_yaml(plain_form(found)))


def _check_notifiers(spec: Spec) -> None:
    from dropforge.airflow.rehearsal import rehearse
    from dropforge.documents import UserError
    from dropforge.project import Project
    from generator.spec import problem_at

    wrong = rehearse(Project(spec.home), spec.pipelines)
    problems = [
        problem_at(spec, name, ("airflow", event, path), message, remedy)
        for name, event, path, message, remedy in wrong
    ]
    if problems:
        raise UserError(dict.fromkeys(problems))


@dataclass(frozen=True)
class _Result:
    """What a check found in a file."""

    file: str
    candidates: tuple[Candidate, ...] = ()
    problems: tuple[Problem, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        from dropforge.estimators import plain

        return {
            "file": self.file,
            "ok": not self.problems,
            "candidates": [plain(candidate.estimator) for candidate in self.candidates],
            "errors": [
                {
                    "line": problem.line,
                    "column": problem.column,
                    "path": problem.path,
                    "value": problem.value,
                    "message": problem.message,
                    "hint": problem.remedy,
                }
                for problem in self.problems
            ],
        }


def _by_file(error: UserError, spec: Path) -> list[_Result]:
    files: dict[str, list[Problem]] = {}
    for problem in error.problems:
        files.setdefault(problem.file or str(spec), []).append(problem)
    return [_Result(file, problems=tuple(problems)) for file, problems in files.items()]


def _show(result: _Result) -> None:
    from dropforge.documents import printable

    file = printable(result.file)
    if not result.problems:
        say(f"{file}: {len(result.candidates)} candidate(s)")
        return
    count = len(result.problems)
    say(f"{file}: {count} {'mistake' if count == 1 else 'mistakes'}")
    for problem in result.problems:
        say(f"{problem.shown(columns())}\n")


def _files(paths: list[Path]) -> Iterator[Path]:
    """Give the files, and what a watch folder would take of the folders, in the order of their names."""
    from dropforge.folder import DONE, REJECTED, is_config_name

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            within = found.relative_to(path).parts[:-1]
            filed = any(part in (DONE, REJECTED) or part.startswith(".") for part in within)
            if is_config_name(found.name) and not filed:
                yield found


def _check(spec: Spec, path: Path, name: str | None) -> _Result:
    from dropforge.configs import read_candidates
    from dropforge.documents import UserError, read_bytes
    from dropforge.estimators import Allowed

    try:
        content = read_bytes(path)
        train = (spec.pipeline(name) if name else _owner(spec, path)).train
        return _Result(str(path), read_candidates(content, str(path), Allowed.of(train), train.max_grid))
    except UserError as error:
        return _Result(str(path), problems=error.in_file(str(path)).problems)


def _owner(spec: Spec, path: Path) -> Pipeline:
    from dropforge.documents import Problem, UserError

    folder = path.absolute().parent
    for pipeline in spec.pipelines:
        if (spec.home / pipeline.train.watch).absolute() in (folder, *folder.parents):
            return pipeline
    if len(spec.pipelines) == 1:
        return spec.pipelines[0]
    names = ", ".join(pipeline.name for pipeline in spec.pipelines)
    raise UserError(Problem("it lies in no watch folder", f"Say whose it is with --pipeline ({names}).", str(path)))


COMMANDS = (check, convert)
