"""Put files in place, all or none, and none over a file that is there."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dropforge.documents import Problem, UserError, write_whole
from generator.plan import Step, apply


def refuse_taken(files: Mapping[Path, bytes], remedy: str, home: Path) -> None:
    """Say which files are there already, with another content.

    Raises
    ------
    UserError
        If any is.
    """
    taken = [path for path, content in files.items() if _is_taken(path, content)]
    if taken:
        raise UserError(Problem("this file is there already", remedy, os.path.relpath(path, home)) for path in taken)


@contextlib.contextmanager
def placed(files: Mapping[Path, bytes]) -> Iterator[None]:
    """Put files in place, one by one and each whole, in their order; take them back if that or the block fails.

    What is there with the same content stays. What comes between the last look and the writing is not overwritten.

    Raises
    ------
    UserError
        If a file came between.
    OSError
        If the disk refuses.
    """
    made: list[Path] = []
    try:
        for path, content in files.items():
            if not path.exists():
                for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                    folder.mkdir()
                    made.append(folder)
                _place(path, content)
                made.append(path)
        yield
    except BaseException:
        _remove(made)
        raise


@contextlib.contextmanager
def applied(steps: Iterable[Step]) -> Iterator[None]:
    """Carry out a plan of generation; undo it if the block fails."""
    steps = [step for step in steps if step.action != "keep"]
    folders = {step.path.parent for step in steps if not step.path.parent.exists()}
    try:
        apply(steps)
        yield
    except BaseException:
        for step in steps:
            with contextlib.suppress(OSError):
                if step.old is None:
                    step.path.unlink(missing_ok=True)
                elif not step.edited:
                    write_whole(step.path, step.old.encode())
        _remove(folders)
        raise


@contextlib.contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    """Replace a file's content; bring the old one back if the block fails."""
    old = path.read_bytes()
    write_whole(path, content)
    try:
        yield
    except BaseException:
        write_whole(path, old)
        raise


def _is_taken(path: Path, content: bytes) -> bool:
    try:
        return path.is_symlink() or path.read_bytes() != content
    except FileNotFoundError:
        return False
    except OSError:  # a folder, or one that is not ours to read
        return True


def _place(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        draft.write_bytes(content)
        try:
            os.link(draft, path)  # fails where the name is taken, and a rename would not
        except FileExistsError:
            raise UserError(Problem("this file came just now", "Try again.", str(path))) from None
        except OSError:  # a file system without links
            with path.open("xb") as file:
                file.write(content)
    finally:
        draft.unlink(missing_ok=True)


def _remove(paths: Iterable[Path]) -> None:
    for path in reversed(list(paths)):
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
