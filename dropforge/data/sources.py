"""Read the rows: a scikit-learn loader, a .csv or a .parquet file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dropforge.documents import Problem, UserError, did_you_mean
from dropforge.settings import is_file

LOADERS = "sklearn.datasets."


def read_frame(source: str, home: Path) -> pd.DataFrame:
    """Return the rows of ``source``, target included.

    Raises
    ------
    UserError
        If there is no such loader or file, or the file cannot be read.
    """
    if not is_file(source):
        return _from_loader(source)
    path = home / source
    try:
        return pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(
            Problem(
                "there is no such file",
                f"Put it there, or correct data.source; it is looked for in {home}.",
                source,
            )
        ) from None
    except (ValueError, OSError) as error:
        raise UserError(Problem(f"the data cannot be read: {_reason(error)}", _remedy(error), source)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 ({error.reason})"
    return "it is empty" if isinstance(error, pd.errors.EmptyDataError) else str(error)


def _remedy(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "Save it as UTF-8, e.g. by iconv -f WINDOWS-1252 -t UTF-8."
    return "Correct the file."


def _from_loader(source: str) -> pd.DataFrame:
    from sklearn import datasets

    name = source.removeprefix(LOADERS)
    known = [loader for loader in datasets.__all__ if loader.startswith("load_")]
    if name not in known:
        hint = did_you_mean(name, known) or "Write e.g. sklearn.datasets.load_wine."
        raise UserError(Problem(f"scikit-learn has no data set '{source}'", hint, source))
    try:
        return getattr(datasets, name)(as_frame=True).frame
    except TypeError:
        raise UserError(
            Problem(
                f"'{source}' gives no table",
                "Choose a loader with rows and a target, such as load_wine.",
                source,
            )
        ) from None
