"""A config's candidates: one or several models, checked against the allow-list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dropforge.documents import Document, Path, Problem, UserError, did_you_mean, parse
from dropforge.estimators import Allowed, Estimator, audit, not_a_classifier, plain

MODEL_KEYS = ("class", "params", "name", "force")
FILE_KEYS = ("models",)
MAX_NAME = 100


@dataclass(frozen=True)
class Candidate:
    """One model that a config asks for.

    Parameters
    ----------
    config_file : str
        The name of the file that was dropped.
    name : str
        What the config calls it; the estimator's class name otherwise.
    estimator : Estimator
        The checked tree.
    force : bool
        Train it even if the same candidate has a version already.
    """

    config_file: str
    name: str
    estimator: Estimator
    force: bool = False

    @property
    def label(self) -> str:
        """How the candidate is shown: its config and its name."""
        return f"{self.config_file}: {self.name}"

    def to_plain(self) -> dict[str, Any]:
        """Return plain values that :func:`from_plain` reads."""
        return {"file": self.config_file, "name": self.name, "force": self.force, **plain(self.estimator)}


def from_plain(value: dict[str, Any], allowed: Allowed) -> Candidate:
    """Return the candidate that :meth:`Candidate.to_plain` wrote, audited anew.

    Raises
    ------
    UserError
        If the allow-list does not admit it.
    """
    document = Document(value, value["file"])
    tree, problems = audit({key: value[key] for key in ("class", "params")}, allowed, document, ())
    if tree is None:
        raise UserError(problems)
    return Candidate(value["file"], value["name"], tree, value["force"])


def read_candidates(content: bytes, file: str, allowed: Allowed) -> tuple[Candidate, ...]:
    """Read a config.

    Parameters
    ----------
    content : bytes
        The file's content.
    file : str
        Its name; the suffix says whether it is JSON or YAML.
    allowed : Allowed
        The class paths that the spec admits.

    Raises
    ------
    UserError
        With every mistake in the file.
    """
    document = parse(content, file)
    problems: list[Problem] = []
    candidates = []
    for value, path in _models(document, problems):
        candidate, found = _candidate(document, value, path, allowed)
        problems += found
        if candidate:
            candidates.append(candidate)
    if not candidates and not problems:
        problems.append(document.problem((), "the config names no model", "Write e.g. class: DecisionTreeClassifier"))
    if problems:
        raise UserError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return tuple(candidates)


def _models(document: Document, problems: list[Problem]) -> Iterator[tuple[dict[str, Any], Path]]:
    value = document.value
    if not isinstance(value, dict):
        problems.append(
            document.problem((), "a config is a mapping", "Write 'class: ...' and 'params: ...', or 'models: [...]'.")
        )
        return
    if "models" not in value:
        yield value, ()
        return
    for key in value:
        if key not in FILE_KEYS:
            problems.append(
                document.problem((key,), f"the key '{key}' is unknown beside 'models'", "Move it into a model.")
            )
    models = value["models"]
    if not isinstance(models, list):
        problems.append(document.problem(("models",), "'models' must be a list", "Begin each model with '- class:'."))
        return
    for index, model in enumerate(models):
        if isinstance(model, dict):
            yield model, ("models", index)
        else:
            problems.append(
                document.problem(("models", index), "a model is a mapping", "Write 'class: ...' and 'params: ...'.")
            )


def _candidate(
    document: Document, value: dict[str, Any], path: Path, allowed: Allowed
) -> tuple[Candidate | None, list[Problem]]:
    problems = [
        document.problem((*path, key), f"the key '{key}' is unknown",
                         did_you_mean(key, MODEL_KEYS) or f"A model has the keys {', '.join(MODEL_KEYS)}.")
        for key in value
        if key not in MODEL_KEYS
    ]  # fmt: skip
    name, force = value.get("name"), value.get("force", False)
    if name is not None and (
        not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= MAX_NAME
    ):
        message = f"a model's name must be text of one line and {MAX_NAME} characters at most"
        problems.append(document.problem((*path, "name"), message, "Shorten it, or put it in quotes."))
    if not isinstance(force, bool):
        problems.append(document.problem((*path, "force"), "'force' must be true or false", "Write force: true"))
    tree, found = audit({key: value[key] for key in ("class", "params") if key in value}, allowed, document, path)
    problems += found
    if tree is not None and (wrong := not_a_classifier(tree, document, path)):
        problems.append(wrong)
    if problems or tree is None:
        return None, problems
    return Candidate(document.file, name or tree.path.rpartition(".")[2], tree, force), []
