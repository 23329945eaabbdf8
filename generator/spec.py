"""Read pipelines.yaml: the only reader. Text in, frozen settings out, or every mistake at once."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from cerberus import errors as cerberus_errors
from cerberus.schema import UnvalidatedSchema

from dropforge.documents import Document, Problem, UserError, did_you_mean, parse, read
from dropforge.settings import Pipeline, encode
from generator.checks import Validator
from generator.files import digest as text_digest
from generator.schema import PIPELINE, SPEC, VERSION, inner
from generator.variables import Variable, resolve

DEFAULT_NAME = "pipelines.yaml"
# Beside other spec files, the first one declares what it likes; the others declare pipelines, and nothing else.
_PIPELINES = SPEC["pipelines"]
_WITH_PARTS = SPEC | {
    "pipelines": {key: rule for key, rule in _PIPELINES.items() if key not in ("required", "minlength")}
}
_PART = {"pipelines": _PIPELINES}
# The project's folders that hold no configs, and where configs go beneath a watch folder: `dropforge.folder` has these
# names too, and takes long to import.
_OWN = ("dags_generated", "templates", "schemas", ".dropforge")
_FILED = ("done", "rejected", ".claims")


@dataclass(frozen=True)
class Spec:
    """What a spec file declares.

    Parameters
    ----------
    path : pathlib.Path
        The file; relative paths in it are relative to its folder.
    pipelines : tuple of Pipeline
        In the order of the files.
    files : tuple of pathlib.Path
        The file, and those in the folder beside it (``pipelines.d/*.yaml``).
    variables : tuple of Variable
        The environment's variables whose values the settings hold.
    """

    path: Path
    pipelines: tuple[Pipeline, ...]
    files: tuple[Path, ...] = ()
    variables: tuple[Variable, ...] = ()

    @property
    def home(self) -> Path:
        """The project's folder."""
        return self.path.parent

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline called ``name``.

        Raises
        ------
        UserError
            If the spec declares no such pipeline.
        """
        for pipeline in self.pipelines:
            if pipeline.name == name:
                return pipeline
        names = [pipeline.name for pipeline in self.pipelines]
        remedy = did_you_mean(name, names) or f"It declares: {', '.join(names)}."
        raise UserError(Problem(f"there is no pipeline '{name}'", remedy, str(self.path)))


def read_spec(path: Path, text: str | None = None) -> Spec:
    """Read, merge and validate a spec: one file, and those in the folder of its name (``pipelines.d/*.yaml``).

    Parameters
    ----------
    path : pathlib.Path
        A spec file, or a folder that holds a ``pipelines.yaml``.
    text : str, optional
        What the file would hold; by default it is read.

    Raises
    ------
    UserError
        With every mistake in the files.
    """
    path = path.absolute()
    path = path / DEFAULT_NAME if path.is_dir() else path
    files = (path, *part_files(path))
    documents, variables, problems = _documents(files, text)
    if problems:
        raise UserError(sorted(problems, key=lambda problem: _place(problem, documents)))
    main = documents[0]
    # Every pipeline may overrule a mistake in `defaults`, and it is one all the same.
    problems += _problems(main, None, ("defaults",), main.value.get("defaults") or {}, PIPELINE, partial=True)
    found: list[tuple[Document, Pipeline]] = []
    for document, name, own in _entries(documents, problems):
        wrong, pipeline = _pipeline(document, main, name, own)
        problems += wrong
        if pipeline:
            found.append((document, pipeline))
    problems += _watch_problems(path, main, found)
    if problems:
        # A mistake in `defaults` shows once, not once for each pipeline.
        raise UserError(sorted(set(problems), key=lambda problem: _place(problem, documents)))
    return Spec(path, tuple(pipeline for _, pipeline in found), files, variables)


def part_files(path: Path) -> tuple[Path, ...]:
    """Return the other files of a spec: those in the folder of its name, in the order of their names."""
    return tuple(sorted(file for file in path.with_suffix(".d").glob("*.yaml") if not file.name.startswith(".")))


def problem_at(spec: Spec, pipeline: str, keys: tuple[str, ...], message: str, remedy: str) -> Problem:
    """Return a problem with a key of a pipeline, at the line where it stands."""
    documents, *_ = _documents(spec.files, None)
    document = next(one for one in documents if pipeline in (one.value.get("pipelines") or {}))
    return _at(document, documents[0], ("pipelines", pipeline, *keys), message, remedy)


def _documents(files: tuple[Path, ...], text: str | None) -> tuple[list[Document], tuple[Variable, ...], list[Problem]]:
    documents: list[Document] = []
    variables: list[Variable] = []
    problems: list[Problem] = []
    for number, file in enumerate(files):
        if not number and text is None and not file.exists():
            remedy = "Go to the project's folder, or name the spec with --spec; 'dropforge init' begins a project."
            raise UserError(Problem("there is no such file", remedy, _shown(file)))
        document = read(file, _shown(file)) if number or text is None else parse(text, _shown(file))
        schema = _PART if number else _WITH_PARTS if len(files) > 1 else SPEC
        if wrong := list(_top_level(document, schema)):
            problems += wrong
        resolved = resolve(document, os.environ)
        documents.append(resolved.document)
        variables += resolved.variables
        problems += resolved.problems
    return documents, tuple(dict.fromkeys(variables)), problems


def _entries(documents: list[Document], problems: list[Problem]) -> Iterator[tuple[Document, str, dict[str, Any]]]:
    """Yield each pipeline as it is declared; one that is declared twice is a problem."""
    first: dict[str, Document] = {}
    for document in documents:
        for name, own in (document.value.get("pipelines") or {}).items():
            if name in first:
                other = first[name].problem(("pipelines", name), "")
                here = document.problem(("pipelines", name), f"the pipeline '{name}' is declared in {other.file} too, "
                                        f"on line {other.line}", "Keep one of the two, or rename one.")  # fmt: skip
                problems.append(here)
            else:
                first[name] = document
                yield document, name, own


def _place(problem: Problem, documents: list[Document]) -> tuple[int, int, str, str]:
    files = [document.file for document in documents]
    return files.index(problem.file or files[0]), problem.line or 0, problem.path, problem.message


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _top_level(document: Document, schema: dict[str, Any]) -> Iterator[Problem]:
    is_part = schema is _PART
    if not isinstance(document.value, dict):
        begin = "'pipelines:'" if is_part else f"'version: {VERSION}' and 'pipelines:'"
        yield document.problem((), "a spec is a mapping", f"Begin with {begin}.")
        return
    if is_part:
        for key in SPEC.keys() & document.value.keys() - _PART.keys():
            yield document.problem((key,), f"'{key}' stands in the first file of the spec alone", "Move it there.")
        rest = {key: item for key, item in document.value.items() if key not in SPEC or key in _PART}
        yield from _problems(document, None, (), rest, _PART)
        return
    version = document.value.get("version")
    if isinstance(version, int) and version != VERSION:
        age = "newer" if version > VERSION else "older"
        yield document.problem(
            ("version",),
            f"this spec has version {version}, which is {age} than this Dropforge reads ({VERSION})",
            "Upgrade dropforge." if version > VERSION else f"Write version: {VERSION} and correct what is then named.",
        )
        return
    yield from _problems(document, None, (), document.value, schema)


def _pipeline(
    document: Document, main: Document, name: str, own: dict[str, Any]
) -> tuple[list[Problem], Pipeline | None]:
    merged = _merge(main.value.get("defaults") or {}, own)
    path: tuple[str | int, ...] = ("pipelines", name)
    problems = list(_problems(document, main, path, merged, PIPELINE))
    if problems:
        return problems, None
    value = _validator(PIPELINE).normalized(merged)
    value["train"].setdefault("watch", f"configs/{name}")
    split = value["data"]["split"]
    if split["test"] + split["holdout"] >= 1:
        return [
            _at(document, main, (*path, "data", "split"), "test and holdout leave no rows to train on",
                "Let the two add up to less than 1.")
        ], None  # fmt: skip
    if sum(map(bool, (split["method"] == "random", split["group"], split["time"]))) > 1:
        return [
            _at(document, main, (*path, "data", "split"), "random, group and time are three ways to split the rows",
                "Choose one of them.")
        ], None  # fmt: skip
    # `strict=False` turns Cerberus' numbers (1 for 1.0) into the declared types.
    pipeline = msgspec.convert({"name": name, **value}, Pipeline, strict=False)
    return [], replace(pipeline, digest=text_digest(encode(pipeline)))


def _merge(defaults: Any, own: Any) -> Any:
    if isinstance(defaults, dict) and isinstance(own, dict):
        keys = [*defaults, *(key for key in own if key not in defaults)]
        return {
            key: _merge(defaults.get(key), own[key]) if key in own else copy.deepcopy(defaults[key]) for key in keys
        }
    return own


def _problems(
    document: Document,
    main: Document | None,
    path: tuple[str | int, ...],
    value: dict[str, Any],
    schema: dict[str, Any],
    *,
    partial: bool = False,
) -> Iterator[Problem]:
    validator = _validator(schema)
    validator.validate(value, update=partial)  # nothing is missing from what is merged with more
    for error in _leaves(validator._errors):
        message, remedy = _explain(error, schema)
        yield _at(document, main, (*path, *error.document_path), message, remedy)


def _validator(schema: dict[str, Any]) -> Validator:
    """Return a validator that takes our schema for sound, as a test shows: Cerberus would look each time."""
    return Validator(UnvalidatedSchema(schema))


def _leaves(errors: list[Any]) -> Iterator[Any]:
    for error in errors:
        if error.child_errors:
            yield from _leaves(error.child_errors)
        else:
            yield error


def _at(document: Document, main: Document | None, path: tuple[str | int, ...], message: str, remedy: str) -> Problem:
    """Return the problem at the pipeline's own line, or at the line of `defaults` that it comes from."""
    inherited: tuple[str | int, ...] = ("defaults", *path[2:])
    if main and path not in document.marks and inherited in main.marks:
        return main.problem(inherited, message, remedy)
    return document.problem(path, message, remedy)


def _explain(error: Any, schema: dict[str, Any]) -> tuple[str, str]:
    key = error.document_path[-1] if error.document_path else ""
    value, limit = error.value, error.constraint
    if error.code == cerberus_errors.CUSTOM.code:
        message, _, remedy = str(error.info[0]).partition("\n")
        return message, remedy
    if error.code == cerberus_errors.UNKNOWN_FIELD.code:
        known = list(_schema_at(schema, error.document_path[:-1]))
        return f"the key '{key}' is unknown", did_you_mean(str(key), known) or f"Known here: {', '.join(known)}."
    if error.code == cerberus_errors.REQUIRED_FIELD.code:
        about = _schema_at(schema, error.document_path[:-1])[key]["meta"]["help"]
        return f"the key '{key}' is missing", f"Add it: {about.replace('`', '')}."
    messages = {
        cerberus_errors.BAD_TYPE.code: (
            f"{_show(value)} is not {_TYPES.get(str(limit), limit)}",
            "Correct the value.",
        ),
        cerberus_errors.UNALLOWED_VALUE.code: (f"{_show(value)} is not allowed", f"Allowed: {_join(limit)}."),
        cerberus_errors.MIN_VALUE.code: (f"{_show(value)} is below {limit}", "Write a larger number."),
        cerberus_errors.MAX_VALUE.code: (f"{_show(value)} is above {limit}", "Write a smaller number."),
        cerberus_errors.EMPTY_NOT_ALLOWED.code: (f"'{key}' is empty", "Write a value."),
        cerberus_errors.MIN_LENGTH.code: (f"'{key}' is empty", "Name at least one."),
        cerberus_errors.NOT_NULLABLE.code: (f"'{key}' has no value", "Write a value, or leave the key out."),
    }
    return messages.get(error.code, (f"{_show(value)} breaks the rule '{error.rule}: {limit}'", "Correct the value."))


_TYPES = {
    "dict": "a mapping",
    "string": "text",
    "list": "a list",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _schema_at(schema: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    rules = {"schema": schema}
    for part in path:
        rules = inner(rules, part)
    return dict(rules["schema"])


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - one line of a terminal


def _join(values: Any) -> str:
    return ", ".join(str(value) for value in values) if isinstance(values, list) else str(values)


def _watch_problems(path: Path, main: Document, found: list[tuple[Document, Pipeline]]) -> Iterator[Problem]:
    """Yield each watch folder that is not for configs of its own pipeline alone.

    Whatever has a config's name is claimed there, and moved away.
    """
    home = _real(path.parent)
    own = {_real(home / name) for name in (*_OWN, path.with_suffix(".d").name)}
    watched = [(document, pipeline, _real(home / pipeline.train.watch)) for document, pipeline in found]
    owners: dict[Path, str] = {}
    for _, pipeline, folder in watched:
        owners.setdefault(folder, pipeline.name)
    for document, pipeline, folder in watched:
        places = (folder, *folder.parents)
        filed = [owners[place.parent] for place in places if place.name in _FILED and place.parent in owners]
        message, remedy = "", "Name a folder for configs alone, such as configs/<pipeline>."
        if home.is_relative_to(folder):
            message = "cannot be watched: the project itself lies in it"
        elif own.intersection(places):
            message = "cannot be watched: the project's own files lie there"
        elif filed:
            message = f"cannot be watched: the configs of '{filed[0]}' are filed there"
        elif owners[folder] != pipeline.name:
            message = f"is the watch folder of '{owners[folder]}' already"
            remedy = "Give each pipeline a folder of its own."
        if message:
            keys = ("pipelines", pipeline.name, "train", "watch")
            yield _at(document, main, keys, f"'{pipeline.train.watch}' {message}", remedy)


def _real(path: Path) -> Path:
    """Return a path without links, as far as it is there."""
    return Path(os.path.realpath(path))
