"""Read pipelines.yaml: the only reader. Text in, frozen settings out, or every mistake at once."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from cerberus import errors as cerberus_errors

from dropforge.documents import Document, Problem, UserError, did_you_mean, read
from dropforge.settings import Pipeline, encode
from generator.schema import PIPELINE, SPEC, VERSION, Validator

DEFAULT_NAME = "pipelines.yaml"


@dataclass(frozen=True)
class Spec:
    """What a spec file declares.

    Parameters
    ----------
    path : pathlib.Path
        The file; relative paths in it are relative to its folder.
    pipelines : tuple of Pipeline
        In the order of the file.
    """

    path: Path
    pipelines: tuple[Pipeline, ...]

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


def read_spec(path: Path) -> Spec:
    """Read, merge and validate a spec.

    Parameters
    ----------
    path : pathlib.Path
        A spec file, or a folder that holds a ``pipelines.yaml``.

    Raises
    ------
    UserError
        With every mistake in the file.
    """
    path = path.absolute()
    path = path / DEFAULT_NAME if path.is_dir() else path
    document = read(path, _shown(path))
    problems = list(_top_level(document))
    if problems:
        raise UserError(sorted(problems, key=_place))
    defaults = document.value.get("defaults") or {}
    pipelines = []
    for name, own in document.value["pipelines"].items():
        found, pipeline = _pipeline(document, name, own, defaults)
        problems += found
        if pipeline:
            pipelines.append(pipeline)
    problems += _shared_folders(document, pipelines)
    if problems:
        # A mistake in `defaults` shows once, not once for each pipeline.
        raise UserError(sorted(set(problems), key=_place))
    return Spec(path, tuple(pipelines))


def _place(problem: Problem) -> tuple[int, str, str]:
    return problem.line or 0, problem.path, problem.message


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _top_level(document: Document) -> Iterator[Problem]:
    if not isinstance(document.value, dict):
        yield document.problem((), "a spec is a mapping", "Begin with 'version: 1' and 'pipelines:'.")
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
    yield from _problems(document, (), document.value, SPEC)


def _pipeline(
    document: Document, name: str, own: dict[str, Any], defaults: dict[str, Any]
) -> tuple[list[Problem], Pipeline | None]:
    merged = _merge(defaults, own)
    path: tuple[str | int, ...] = ("pipelines", name)
    problems = list(_problems(document, path, merged, PIPELINE))
    if problems:
        return problems, None
    validator = Validator(PIPELINE)
    value = validator.normalized(merged)
    value["train"].setdefault("watch", f"configs/{name}")
    split = value["data"]["split"]
    if split["test"] + split["holdout"] >= 1:
        return [
            _at(document, (*path, "data", "split"), "test and holdout leave no rows to train on",
                "Let the two add up to less than 1.")
        ], None  # fmt: skip
    # `strict=False` turns Cerberus' numbers (1 for 1.0) into the declared types.
    pipeline = msgspec.convert({"name": name, **value}, Pipeline, strict=False)
    return [], replace(pipeline, digest=hashlib.sha256(encode(pipeline).encode()).hexdigest()[:16])


def _merge(defaults: Any, own: Any) -> Any:
    if isinstance(defaults, dict) and isinstance(own, dict):
        keys = [*defaults, *(key for key in own if key not in defaults)]
        return {
            key: _merge(defaults.get(key), own[key]) if key in own else copy.deepcopy(defaults[key]) for key in keys
        }
    return own


def _problems(
    document: Document, path: tuple[str | int, ...], value: dict[str, Any], schema: dict[str, Any]
) -> Iterator[Problem]:
    validator = Validator(schema)
    validator.validate(value)
    for error in _leaves(validator._errors):
        message, remedy = _explain(error, schema)
        yield _at(document, (*path, *error.document_path), message, remedy)


def _leaves(errors: list[Any]) -> Iterator[Any]:
    for error in errors:
        if error.child_errors:
            yield from _leaves(error.child_errors)
        else:
            yield error


def _at(document: Document, path: tuple[str | int, ...], message: str, remedy: str) -> Problem:
    """Return the problem at the pipeline's own line, or at the line of `defaults` that it comes from."""
    inherited: tuple[str | int, ...] = ("defaults", *path[2:])
    if path[:1] == ("pipelines",) and path not in document.marks and inherited in document.marks:
        return document.problem(inherited, message, remedy)
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
        return f"the key '{key}' is missing", f"Add it: {about[0].lower()}{about[1:]}."
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
    for part in path:
        schema = schema[str(part)]["schema"]
    return schema


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - one line of a terminal


def _join(values: Any) -> str:
    return ", ".join(str(value) for value in values) if isinstance(values, list) else str(values)


def _shared_folders(document: Document, pipelines: list[Pipeline]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for pipeline in pipelines:
        folder = os.path.normpath(Path(document.file).parent / pipeline.train.watch)
        if folder in owners:
            yield document.problem(
                ("pipelines", pipeline.name, "train", "watch"),
                f"'{pipeline.train.watch}' is the watch folder of '{owners[folder]}' already",
                "Give each pipeline a folder of its own.",
            )
        owners[folder] = pipeline.name
