"""Read the rows: a loader of scikit-learn, or tables in files, folders and object stores."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from dropforge.documents import Problem, UserError, did_you_mean
from dropforge.settings import Csv, is_file

LOADERS = "sklearn.datasets."
_HEAD_BYTES = 2**18  # enough to see how numbers are written
_HEAD_ROWS = 20
_FEW_BYTES = 64  # too few to tell an encoding from
_SEPARATORS = ",;\t|"
_AS_FOUND = Csv()
_BROKEN = (EOFError, csv.Error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WITH_COMMA, _WITH_POINT = (re.compile(rf"[+-]?\d+\{mark}\d+") for mark in ",.")


@dataclass(frozen=True)
class Place:
    """Where a source lies: a file system of fsspec, and a path on it."""

    files: Any
    path: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return bool(self.files.protocol[0] == "file")


def place_of(source: str, home: Path) -> Place:
    """Return where a source lies.

    Parameters
    ----------
    source : str
        A path, relative to ``home``, or an address (``s3://...``) of which fsspec knows the protocol.
    home : pathlib.Path
        The project's folder.

    Raises
    ------
    UserError
        If nothing is known of such addresses.
    """
    try:
        return Place(*fsspec.core.url_to_fs(source if "://" in source else str(home / source)))
    except (ImportError, ValueError) as error:
        remedy = "Install what is missing (for s3:// it is s3fs), or correct data.source."
        raise UserError(Problem(f"the address cannot be opened: {error}", remedy, source)) from error


def read_frame(source: str, home: Path, form: Csv = _AS_FOUND) -> pd.DataFrame:
    """Return the rows of ``source``, target included.

    Parameters
    ----------
    source : str
        A loader; or a table's path or address: one file, or a folder of .parquet files.
    home : pathlib.Path
        The project's folder; relative paths start there.
    form : Csv
        How a text table is written; what is not said is read off its first lines.

    Raises
    ------
    UserError
        If there is no such loader or file, or the file cannot be read.
    """
    if not is_file(source):
        return _from_loader(source)
    place = place_of(source, home)
    if source.lower().endswith(".zst") and fsspec.utils.infer_compression(source) is None:
        remedy = "Install zstandard, or compress the file as .gz."
        raise UserError(Problem("the data cannot be read: nothing here uncompresses .zst", remedy, source))
    with _explained(source, home, place):
        if source.rstrip("/").lower().endswith(".parquet") or source.endswith("/"):
            frame = _decimals_as_floats(pd.read_parquet(place.path, filesystem=place.files))
        else:
            frame = _read_text(place, form)
    if not len(frame.columns):  # what pyarrow makes of a folder that has no such file
        raise UserError(Problem("there are no columns", "Name a folder that has .parquet files, or a file.", source))
    return frame


def _decimals_as_floats(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with numbers where parquet holds decimals: no estimator takes Python's own."""
    texts = frame.select_dtypes("object")
    found = [name for name in texts.columns if pd.api.types.infer_dtype(texts[name], skipna=True) == "decimal"]
    return frame.astype(dict.fromkeys(found, float))


def _read_text(place: Place, form: Csv) -> pd.DataFrame:
    with place.files.open(place.path, "rb", compression="infer") as file:
        head = file.read(_HEAD_BYTES)
    encoding = form.encoding or _encoding(head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    separator = form.separator or _separator(text)
    decimal = form.decimal or _decimal(text, separator)
    with place.files.open(place.path, "rb", compression="infer") as file:
        return pd.read_csv(file, sep=separator, decimal=decimal, encoding=encoding)


def _encoding(head: bytes) -> str:
    """Return how a text is encoded: as its mark says; without one, text of two bytes a character is full of zeros."""
    if marked := next((name for mark, name in _BOMS if head.startswith(mark)), None):
        return marked
    first, second = head[::2].count(0), head[1::2].count(0)
    if max(first, second) <= max(len(head), _FEW_BYTES) / 8:
        return "utf-8"
    return "utf-16-le" if second > first else "utf-16-be"


def _separator(text: str) -> str:
    """Return what separates the values: what parts the first lines into as many as there are names, and the most."""

    def names(mark: str) -> tuple[bool, int]:
        reader = csv.reader(io.StringIO(text, newline=None), delimiter=mark)
        found = [len(row) for row in itertools.islice(filter(None, reader), _HEAD_ROWS)] or [0]
        return found[0] > 1 and len(set(found)) == 1, found[0]

    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a quote that is not closed may take all of it
    return max(_SEPARATORS, key=names)


def _decimal(text: str, separator: str) -> str:
    """Return the mark between whole numbers and fractions."""
    if separator == ",":
        return "."
    cells = [cell.strip().strip('"') for line in text.splitlines()[1:] for cell in line.split(separator)]
    commas, points = (sum(mark.fullmatch(cell) is not None for cell in cells) for mark in (_WITH_COMMA, _WITH_POINT))
    return "," if commas > points else "."


@contextlib.contextmanager
def _explained(source: str, home: Path, place: Place) -> Iterator[None]:
    """Say what is wrong with a source. That a store elsewhere is away for a moment is no mistake of the user's."""
    try:
        yield
    except FileNotFoundError:
        where = f"; it is looked for in {home}" if place.is_local else ""
        remedy = f"Put it there, or correct data.source{where}."
        raise UserError(Problem("there is no such file", remedy, source)) from None
    except (ValueError, LookupError, PermissionError, *_BROKEN) as error:
        raise UserError(Problem(f"the data cannot be read: {_reason(error)}", _remedy(error), source)) from error
    except Exception as error:
        if place.is_local and isinstance(error, OSError):
            raise UserError(Problem(f"the data cannot be read: {error}", "Correct the file.", source)) from error
        if "Credentials" in type(error).__name__:
            remedy = "Give the environment of the stack the store's keys, e.g. AWS_ACCESS_KEY_ID."
            raise UserError(Problem(f"the data cannot be read: {error}", remedy, source)) from error
        raise


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not {error.encoding.upper()}"
    return "it is empty" if isinstance(error, pd.errors.EmptyDataError) else str(error)


def _remedy(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "Say how it is encoded, e.g. data.csv: {encoding: cp1252}; or save it as UTF-8."
    if isinstance(error, LookupError):
        return "Correct data.csv.encoding."
    if isinstance(error, PermissionError):
        return "Let the user or the keys that the stack runs with read it."
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
