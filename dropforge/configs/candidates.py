"""A config's candidates: one or several models, checked against the allow-list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dropforge.configs.expand import LONGEST_NAME, expand
from dropforge.configs.normal import normal
from dropforge.configs.reading import Reading
from dropforge.configs.shapes import Shapes
from dropforge.documents import Document, Problem, UserError, parse_all
from dropforge.estimators import Allowed, Estimator, audit, not_a_classifier, plain

MAX_GRID = 100
MOST_PROBLEMS = 1000
MOST_CANDIDATES = 10_000


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


def read_candidates(content: bytes, file: str, allowed: Allowed, max_grid: int = MAX_GRID) -> tuple[Candidate, ...]:
    """Read a config.

    Parameters
    ----------
    content : bytes
        The file's content.
    file : str
        Its name; the suffix says whether it is JSON or YAML.
    allowed : Allowed
        The class paths that the spec admits.
    max_grid : int
        How many candidates a grid may ask for.

    Raises
    ------
    UserError
        With every mistake in the file.
    """
    candidates: list[Candidate] = []
    problems: list[Problem] = []
    documents = parse_all(content, file)
    for document, reading in models(documents, problems, max_grid):
        if len(problems) > MOST_PROBLEMS:
            break
        candidate, found = _candidate(document, reading, allowed)
        problems += found
        if candidate:
            candidates.append(candidate)
    if not candidates and not problems:
        message = "the config names no model"
        problems.append(documents[0].problem((), message, "Write e.g. class: DecisionTreeClassifier"))
    if problems:
        raise mistakes(problems)
    return tuple(candidates)


def models(documents: Iterable[Document], problems: list[Problem], max_grid: int) -> Iterator[tuple[Document, Reading]]:
    """Return the models of a file's documents; what is wrong with the way they are written joins the problems.

    Parameters
    ----------
    documents : iterable of Document
        What was read.
    problems : list of Problem
        Takes the problems.
    max_grid : int
        How many candidates a grid may ask for.
    """
    most = left = max(MOST_CANDIDATES, max_grid)
    for document in documents:
        problems += document.problems
        for reading in Shapes(document, problems).models():
            problems += reading.problems
            readings, found = expand(reading, document, max_grid)
            problems += found
            left -= len(readings)
            if left < 0:  # many grids, each within its limit
                message = f"more than {most:,} models in one file"
                problems.append(document.problem(reading.path, message, "Make the grids smaller, or split the file."))
                return
            yield from ((document, one) for one in readings)


def mistakes(problems: list[Problem]) -> UserError:
    """Return the error with each mistake of a file once, in the file's order; of very many, the first."""
    found = sorted(dict.fromkeys(problems), key=_place)
    more = len(found) - MOST_PROBLEMS
    if more > 0:
        found[MOST_PROBLEMS:] = [Problem("there are more mistakes than these", "Correct these first.", found[0].file)]
    return UserError(found)


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0


def _candidate(document: Document, reading: Reading, allowed: Allowed) -> tuple[Candidate | None, list[Problem]]:
    problems = []
    name, force = reading.name.value if reading.name else None, reading.force.value if reading.force else False
    if reading.name and not _is_name(name):
        message = f"a model's name must be text of one line and {LONGEST_NAME} characters at most"
        problems.append(document.problem(reading.name.path, message, "Shorten it, or put it in quotes."))
    if reading.force and not isinstance(force, bool):
        problems.append(document.problem(reading.force.path, "'force' must be true or false", "Write force: true"))
    if reading.refused:
        return None, problems
    value, shaped = normal(reading, document)
    tree, found = audit(value, allowed, shaped, ())
    spoilt = [problem.path for problem in document.problems]
    problems += [problem for problem in found if not any(_is_under(problem.path, path) for path in spoilt)]
    if (known := tree or _said(reading, allowed)) and (wrong := not_a_classifier(known, shaped, ())):
        problems.append(wrong)
    if problems or tree is None:
        return None, problems
    return Candidate(document.file, name or tree.name, tree, force), []


def _said(reading: Reading, allowed: Allowed) -> Estimator | None:
    """Return what a model is by its class alone, whatever else is wrong with it, if that is no classifier."""
    entry = reading.entry
    return Estimator(entry.path, {}) if entry and entry.path in allowed and not entry.may_classify else None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isprintable() and bool(name.strip()) and len(name) <= LONGEST_NAME


def _is_under(path: str, parent: str) -> bool:
    return path == parent or path.startswith((f"{parent}.", f"{parent}["))
