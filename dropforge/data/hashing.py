"""Hashes of rows that depend on their values alone: not on position, on other rows, or on a column's dtype."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-not-found]
from pandas.util import hash_array

# Constants of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

_GAPS = frozenset(STR_NA_VALUES)


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """Return a hash of each row's values, uint64, shape (n_rows,)."""
    hashes = np.zeros(len(frame), dtype=np.uint64)
    for position in range(frame.shape[1]):
        hashes = _mix(hashes + _GAMMA) ^ _column_hashes(frame.iloc[:, position])
    return _mix(hashes)


def uniform(hashes: np.ndarray, seed: int) -> np.ndarray:
    """Return hashes as numbers in [0, 1) that depend on ``seed``."""
    mixed = _mix(hashes ^ _mix(np.full(hashes.shape, seed, dtype=np.uint64) + _GAMMA))
    return (mixed >> np.uint64(11)) / float(1 << 53)


def data_digest(frame: pd.DataFrame) -> str:
    """Return a digest of columns and rows, order included."""
    content = hashlib.sha256(repr([str(column) for column in frame.columns]).encode())
    content.update(row_hashes(frame).astype("<u8").tobytes())
    return content.hexdigest()[:32]


def _column_hashes(column: pd.Series) -> np.ndarray:
    # A column of whole numbers becomes one of floats when a row without a value is added, and one of texts when a
    # word is: a number hashes as a float in each of them, and True as 1, so that old rows keep their hash.
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return _number_hashes(column.to_numpy(dtype=np.float64, na_value=np.nan))
    values = column.to_numpy(dtype=object)
    hashes = np.full(len(values), _number_hashes(np.array([np.nan]))[0])
    # Beside a number too large for 64 bits with a sign, pandas reads gaps (an empty cell, NA, ...) as texts.
    gaps = pd.isna(values) | [isinstance(value, str) and value in _GAPS for value in values]
    present = np.flatnonzero(~gaps)
    codes, texts = pd.factorize(np.array([str(value) for value in values[present]], dtype=object))
    numbers = np.array([_number(text) for text in texts], dtype=np.float64)
    words = np.flatnonzero(np.isnan(numbers))
    of_texts = _number_hashes(numbers)
    of_texts[words] = hash_array(texts[words], categorize=False)
    hashes[present] = of_texts[codes]
    return hashes


def _number(text: str) -> float:
    """Return the number that a text spells, or NaN."""
    try:
        return float(_BOOLEANS.get(text.lower(), text))
    except ValueError:
        return float("nan")


_BOOLEANS = {"false": "0", "true": "1"}


def _number_hashes(values: np.ndarray) -> np.ndarray:
    values = values + 0.0  # -0.0 becomes 0.0
    values[np.isnan(values)] = np.nan  # one NaN for all
    return _mix(values.view(np.uint64))


def _mix(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))
