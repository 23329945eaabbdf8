"""How sure a score is, and a difference of scores: the holdout rows are drawn anew, with replacement, many times.

Champion and challenger are scored on the same drawn rows (a paired bootstrap), so that what is hard for both counts
for neither. What depends on the predicted labels alone is computed for all draws at once, from the counts of rows that
are alike in truth and in both predictions: to draw those counts is to draw the rows. Other metrics are scored draw by
draw. See docs/promotion.md for what this can and cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dropforge.promotion.answers import Answers, Score

DRAWS = 2000
_INTERVAL_DRAWS = 1000
_SLOW_INTERVAL_DRAWS = 200  # where each draw is scored on its own
_BATCH = 250
_ENOUGH = 20  # draws that may speak against the challenger at the least, lest the level be a matter of luck
_SURE = 0.95


@dataclass(frozen=True)
class Evidence:
    """Whether a challenger is better than the champion beyond chance.

    Parameters
    ----------
    holds : bool
        Whether it is.
    said : str
        In words.
    """

    holds: bool
    said: str


def interval(score: Score, answers: Answers) -> tuple[float, float] | None:
    """Return between which values 95 % of the draws lie; None where too few can be scored."""
    draws = _INTERVAL_DRAWS if score.metric in _BY_LABELS else _SLOW_INTERVAL_DRAWS
    values = np.concatenate([first for first, _ in _drawn(score, answers, answers, draws)])
    found = values[np.isfinite(values)]
    if len(found) < draws / 2:
        return None
    low, high = np.quantile(found, [(1 - _SURE) / 2, (1 + _SURE) / 2])
    return float(low), float(high)


def compare(score: Score, champion: Answers, challenger: Answers, confidence: float, tried: int) -> Evidence:
    """Return the evidence that a challenger is better than the champion.

    Parameters
    ----------
    score : Score
        The metric on the holdout rows.
    champion, challenger : Answers
        What the two answer for them.
    confidence : float
        How sure it is to be, over all that are tried.
    tried : int
        How many challengers are tried at once: each may be wrong with its share of ``1 - confidence`` alone
        (Bonferroni).

    Returns
    -------
    Evidence
        It holds if at most that share of the draws shows the challenger no better than the champion. A draw that
        cannot be scored speaks against it.
    """
    level = (1 - confidence) / tried
    draws = max(DRAWS, math.ceil(_ENOUGH / level))
    most = math.floor(level * (draws + 1)) - 1
    against = done = 0
    for first, second in _drawn(score, champion, challenger, draws):
        against += int(np.sum(~(second > first)))
        done += len(first)
        if against > most:  # nothing that follows could change that
            break
    share = (against + 1) / (done + 1)
    corrected = f", corrected for {tried} challengers" if tried > 1 else ""
    sure = f"{confidence:.4g} sure{corrected}"
    holds = against <= most
    if holds:
        return Evidence(True, f"better than the champion in all but {share:.2%} of the draws: {sure}")
    return Evidence(
        False,
        f"its lead may be chance: it is not better in about {share:.1%} of the draws, "
        f"where {level:.2%} are allowed ({sure})",
    )


def _drawn(score: Score, first: Answers, second: Answers, draws: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the values of both on draws of the same rows, some draws at a time; the same draws each time."""
    random = np.random.default_rng(len(score.target))
    values = _by_counts(score, first, second) if score.metric in _BY_LABELS else _one_by_one(score, first, second)
    for start in range(0, draws, _BATCH):
        yield values(random, min(_BATCH, draws - start))


_Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def _one_by_one(score: Score, first: Answers, second: Answers) -> _Draw:
    size = len(score.target)

    def draw(random: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = random.integers(0, size, (draws, size))
        of_first = np.array([score.quietly(first, rows) for rows in chosen])
        if second is first:
            return of_first, of_first
        return of_first, np.array([score.quietly(second, rows) for rows in chosen])

    return draw


def _by_counts(score: Score, first: Answers, second: Answers) -> _Draw:
    value = _BY_LABELS[score.metric]
    labels = np.unique(np.concatenate([score.target, first.of("predict"), second.of("predict")]))
    columns = [np.searchsorted(labels, column) for column in (score.target, first.of("predict"), second.of("predict"))]
    cells, counts = np.unique(np.stack(columns), axis=1, return_counts=True)
    size, n_labels = len(score.target), len(labels)

    def table(drawn: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return a confusion matrix for each draw."""
        place = np.zeros((cells.shape[1], n_labels * n_labels))
        place[np.arange(cells.shape[1]), cells[0] * n_labels + predicted] = 1
        return (drawn @ place).reshape(-1, n_labels, n_labels)

    def draw(random: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = random.multinomial(size, counts / size, draws).astype(float)
        return value(table(drawn, cells[1])), value(table(drawn, cells[2]))

    return draw


def _accuracy(tables: np.ndarray) -> np.ndarray:
    return np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))


def _balanced_accuracy(tables: np.ndarray) -> np.ndarray:
    hits, _, true = _sums(tables)
    return _mean(_share(hits, true), true > 0)


def _averaged(kind: str, average: str) -> Callable[[np.ndarray], np.ndarray]:
    def value(tables: np.ndarray) -> np.ndarray:
        hits, predicted, true = _sums(tables)
        of_class = {
            "f1": lambda: _share(2 * hits, predicted + true),
            "precision": lambda: _share(hits, predicted),
            "recall": lambda: _share(hits, true),
        }[kind]()
        return _mean(of_class, (predicted + true > 0) if average == "macro" else true)

    return value


def _sums(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=1), tables.sum(axis=2)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    found: np.ndarray = (values * weights).sum(axis=1) / weights.sum(axis=1)
    return found


# What each is on confusion matrices, shape (n_draws, n_classes, n_classes): a row for each true class.
_BY_LABELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    **{
        f"{kind}_{average}": _averaged(kind, average)
        for kind in ("f1", "precision", "recall")
        for average in ("macro", "weighted")
    },
}
