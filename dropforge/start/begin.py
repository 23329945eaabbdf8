"""Begin a project, or add a pipeline to one: from a table to files that are in place."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dropforge.configs import read_candidates
from dropforge.data.rows import part_rows
from dropforge.data.sources import LOADERS, read_frame
from dropforge.documents import Problem, UserError, parse, read_bytes
from dropforge.estimators import Allowed
from dropforge.estimators.tree import paths
from dropforge.project import Project
from dropforge.settings import TABLE, Pipeline, is_file
from dropforge.start.insert import inserted
from dropforge.start.place import applied, placed, refuse_taken, replaced
from dropforge.start.proposal import Proposal
from dropforge.start.samples import samples
from dropforge.start.text import IGNORED, entry_text, gitignore_text, part_text, spec_text
from generator.checks import name_problem
from generator.plan import Step, plan
from generator.schemas import FOLDER, TEXTS, editor_line
from generator.spec import DEFAULT_NAME, Spec, part_files, read_spec

_TAKEN = "Move it away, or choose another name."
EXAMPLE = f"{LOADERS}load_wine"


@dataclass(frozen=True)
class Table:
    """Rows that somebody wants to predict from: where they are, as the spec will say it, and themselves."""

    source: str
    frame: pd.DataFrame

    @property
    def name(self) -> str:
        """A pipeline's name made of the source's; empty if nothing of it can stand in one."""
        if is_file(self.source):
            stem = TABLE.sub("", self.source.rstrip("/").rpartition("/")[2])
        else:
            stem = self.source.removeprefix(f"{LOADERS}load_")
        plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
        name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_").lstrip("0123456789_")[:60]
        return "" if name_problem(name) else name


@dataclass(frozen=True)
class Begun:
    """What was made.

    Parameters
    ----------
    home : pathlib.Path
        The project's folder.
    proposal : Proposal
        The pipeline.
    files : tuple of str
        Files that are new, or that were changed; their paths below the folder.
    steps : tuple of Step
        What was generated.
    unignored : tuple of str
        Lines that the project's own ``.gitignore`` lacks.
    """

    home: Path
    proposal: Proposal
    files: tuple[str, ...]
    steps: tuple[Step, ...]
    unignored: tuple[str, ...] = ()


def read_table(data: str, home: Path) -> Table:
    """Read the rows that a project in ``home`` is to predict from.

    Parameters
    ----------
    data : str
        A .csv or .parquet file, a folder of the latter, an address of either, or a loader of scikit-learn.
    home : pathlib.Path
        The project's folder.

    Raises
    ------
    UserError
        If they cannot be read, or are no table with names.
    """
    here = "://" not in data
    if here and Path(data).is_dir():
        data = f"{data.rstrip('/')}/"
    if not is_file(data):
        if data.startswith(LOADERS):
            return Table(data, read_frame(data, home))
        remedy = "Name a .csv or .parquet file, or a loader such as sklearn.datasets.load_wine."
        raise UserError(Problem("this is neither a table nor a data set of scikit-learn", remedy, data))
    if here and not Path(data).exists():
        raise UserError(Problem("there is no such file", "Check the name and the folder.", data))
    with warnings.catch_warnings():
        # That words stand among numbers is told of the column.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        end = "/" if data.endswith("/") else ""  # a folder's
        frame = read_frame(f"{Path(data).absolute()}{end}" if here else data, home)
    if wrong := _no_table(frame):
        raise UserError(Problem(*wrong, data))
    return Table(f"{Path(os.path.relpath(data, home)).as_posix()}{end}" if here else data, frame)


def expect_no_project(home: Path) -> None:
    """Say so if a folder holds a project, or cannot hold one.

    Raises
    ------
    UserError
        If so.
    """
    if home.exists() and not home.is_dir():
        raise UserError(Problem("this is no folder", "Name another.", str(home)))
    path = home / DEFAULT_NAME
    if found := [file for file in (path, *part_files(path)) if file.exists() or file.is_symlink()]:
        remedy = "To add a pipeline to it, use 'dropforge add'; else name another folder."
        raise UserError(Problem("there is a project already", remedy, str(found[0])))


def begin(home: Path, proposal: Proposal, frame: pd.DataFrame) -> Begun:
    """Make a project: spec, configs, .gitignore and generated DAGs.

    Parameters
    ----------
    home : pathlib.Path
        Its folder.
    proposal : Proposal
        Its pipeline.
    frame : pandas.DataFrame
        The rows that the proposal was made from.

    Raises
    ------
    UserError
        If a file is in the way. Nothing is changed then.
    """
    expect_no_project(home)
    path = home / DEFAULT_NAME
    text = editor_line(Project(home), path) + spec_text(proposal)
    spec = read_spec(path, text)
    pipeline = spec.pipeline(proposal.name)
    part_rows(frame, pipeline.data)
    files = _samples(pipeline, home, proposal) | _schemas(home)
    steps = plan(spec)
    refuse_taken(_generated(steps) | files, "Move it away, or name another folder.", home)
    ignore = home / ".gitignore"
    # The spec comes last: without it there is no project, and a beginning that was cut off can be made again.
    files |= ({} if ignore.exists() else {ignore: gitignore_text().encode()}) | {path: text.encode()}
    unignored = _unignored(ignore)
    home.mkdir(parents=True, exist_ok=True)
    with applied(steps), placed(files):
        pass
    return Begun(home, proposal, _names(home, [*files, *_generated(steps)]), steps, unignored)


def add(spec: Spec, proposal: Proposal, frame: pd.DataFrame) -> Begun:
    """Add a pipeline to a project: spec, configs and generated DAGs.

    It is inserted into the text of the spec, or is a file of ``pipelines.d`` where the text has no place for it.

    Parameters
    ----------
    spec : Spec
        The project's.
    proposal : Proposal
        The pipeline.
    frame : pandas.DataFrame
        The rows that the proposal was made from.

    Raises
    ------
    UserError
        If there is such a pipeline, or a file is in the way. Nothing is changed then.
    """
    content = read_bytes(spec.path)
    text = content.decode("utf-8-sig")
    defaults = parse(text, spec.path.name).value.get("defaults") or {}
    new = inserted(text, lambda indent: entry_text(proposal, defaults, indent))
    if new is not None and (found := _read_with(spec, new, proposal)):
        mark = content[: len(content) - len(text.encode())]  # a byte order mark stays
        with replaced(spec.path, mark + new.encode()):
            return _complete(found, proposal, frame, spec.path)
    part = spec.path.with_suffix(".d") / f"{proposal.name}.yaml"
    piece = {part: (editor_line(Project(spec.home), part) + part_text(proposal, defaults)).encode()}
    refuse_taken(piece, _TAKEN, spec.home)
    with placed(piece):
        return _complete(read_spec(spec.path), proposal, frame, part)


def expect_free(spec: Spec, name: str) -> None:
    """Say so if a pipeline cannot be added under a name.

    Raises
    ------
    UserError
        If it cannot.
    """
    expect_name(name)
    if name in (pipeline.name for pipeline in spec.pipelines):
        raise UserError(Problem(f"there is a pipeline '{name}' already", "Choose another name.", str(spec.path)))


def expect_name(name: str) -> None:
    """Say so if a text cannot name a pipeline.

    Raises
    ------
    UserError
        If it cannot.
    """
    if wrong := name_problem(name):
        raise UserError(Problem(*wrong))


def _complete(spec: Spec, proposal: Proposal, frame: pd.DataFrame, declared: Path) -> Begun:
    """Write what belongs to a pipeline that a spec declares since a moment ago."""
    pipeline = spec.pipeline(proposal.name)
    part_rows(frame, pipeline.data)
    files = _samples(pipeline, spec.home, proposal)
    refuse_taken(files, _TAKEN, spec.home)
    files |= _schemas(spec.home)
    steps = plan(spec)
    with applied(steps), placed(files):
        pass
    return Begun(spec.home, proposal, _names(spec.home, [declared, *files, *_generated(steps)]), steps)


def _read_with(spec: Spec, text: str, proposal: Proposal) -> Spec | None:
    """Return the spec as a new text has it; None unless it has one pipeline more, and the others as they were."""
    try:
        found = read_spec(spec.path, text)
    except UserError:
        return None
    others = [pipeline for pipeline in found.pipelines if pipeline.name != proposal.name]
    return found if others == list(spec.pipelines) and len(found.pipelines) == len(others) + 1 else None


def _samples(pipeline: Pipeline, home: Path, proposal: Proposal) -> dict[Path, bytes]:
    """Return the configs to begin with, read as every drop is; those that the spec's `defaults` refuse are left out."""
    folder = home / pipeline.train.watch
    allowed = Allowed.of(pipeline.train)
    found = {}
    for name, text in samples(proposal).items():
        content = (editor_line(Project(home), folder / name) + text).encode()
        (candidate,) = read_candidates(content, name, Allowed())
        if all(path in allowed for path in paths(candidate.estimator)):
            found[folder / name] = content
    return found


def _schemas(home: Path) -> dict[Path, bytes]:
    """Return the schemas that the editor's lines name, but for those that are there: they can be of another version."""
    paths = {home / FOLDER / name: text for name, text in TEXTS.items()}
    return {path: text().encode() for path, text in paths.items() if not path.exists()}


def _generated(steps: tuple[Step, ...]) -> dict[Path, bytes]:
    return {step.path: (step.new or "").encode() for step in steps if step.action in ("add", "change")}


def _names(home: Path, paths: list[Path]) -> tuple[str, ...]:
    return tuple(path.relative_to(home).as_posix() for path in paths)


def _unignored(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return ()
    lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    return tuple(line for line in IGNORED if line not in lines)


def _no_table(frame: pd.DataFrame) -> tuple[str, str] | None:
    """Return what is wrong with a table that was read as none, and what to do."""
    if not all(isinstance(name, str) for name in frame.columns):
        return "its columns have numbers for names", "Give them names of text."
    named = frame.index.equals(pd.RangeIndex(len(frame)))  # else pandas took the first values for the rows' names
    if not named:
        return (
            "its rows hold more values than its first line has names",
            "Name every column in the first line, and end no line with a comma.",
        )
    if len(frame.columns) > 1 and all(_is_number(name) for name in frame.columns):
        return "its first line holds numbers and no names", "Write the columns' names into a line above."
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
