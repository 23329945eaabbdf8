"""300 drops whose true quality is known: how champions fare with evidence, and without.

Each drop is a real classifier with random parameters and training rows. A holdout of 300 rows decides, as a
pipeline's does; 20,000 rows that nobody decides by tell how good a champion is in truth.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from dropforge.promotion.answers import Answers, Score
from dropforge.promotion.bootstrap import compare
from dropforge.promotion.decide import decide
from dropforge.promotion.validate import Validation
from dropforge.settings import Promote

DROPS = 300
HOLDOUT, TRUTH, TRAIN = 300, 20_000, 2_000
SETTINGS = Promote("1m", "UTC", False, "accuracy", None, 0.0, "Production", "production")
SURE = replace(SETTINGS, confidence=0.95)


@dataclass(frozen=True)
class Drop:
    """A classifier: its answers for the holdout rows, and the rows that tell how good it is in truth."""

    answers: Answers
    features: np.ndarray
    target: np.ndarray

    @cached_property
    def right(self) -> np.ndarray:
        """Which of those rows it gets right."""
        return self.answers.estimator.predict(self.features) == self.target

    @property
    def quality(self) -> float:
        """How good it is in truth."""
        return float(self.right.mean())


@dataclass(frozen=True)
class World:
    """The drops of one world, in order, and the labels of its holdout rows."""

    target: np.ndarray
    drops: Sequence[Drop]


@dataclass(frozen=True)
class Move:
    """That a champion was replaced: by which drop, by how much better or worse in truth."""

    drop: int
    gain: float
    noise: float  # the standard error of the difference on a holdout of this size


def make_world(seed: int) -> World:
    """Return a world's drops."""
    random = np.random.default_rng(seed)
    features, target = make_classification(
        TRAIN + HOLDOUT + TRUTH, n_features=12, n_informative=6, flip_y=0.15, class_sep=0.9, random_state=seed
    )
    train, holdout, truth = np.split(np.arange(len(target)), [TRAIN, TRAIN + HOLDOUT])
    drops = []
    for number in range(DROPS):
        # Who trains later has more rows, so that the drops get better on the whole; each is as it is by luck.
        rows = random.choice(train, int(random.integers(40, 80 + 2 * number)))
        model = _by_lot(random).fit(features[rows], target[rows])
        drops.append(Drop(Answers(model, features[holdout]), features[truth], target[truth]))
    return World(target[holdout], drops)


def _by_lot(random: np.random.Generator) -> ClassifierMixin:
    seed = int(random.integers(2**31))
    return [
        DecisionTreeClassifier(max_depth=int(random.integers(2, 9)), random_state=seed),
        LogisticRegression(C=float(10 ** random.uniform(-3, 1))),
        GaussianNB(),
    ][int(random.integers(3))]


def play(world: World, settings: Promote) -> tuple[list[float], list[Move]]:
    """Let the drops come one by one; return the champion's true quality after each, and how it changed."""
    score = Score(settings.metric, world.target)
    champion, qualities, moves = None, [], []
    for number, drop in enumerate(world.drops):
        bar = None if champion is None else _validation(champion, world, score)
        weigh = None
        if champion is not None and settings.confidence:
            before = world.drops[champion]

            def weigh(version, tried, before=before):
                after = world.drops[int(version)]
                return compare(score, before.answers, after.answers, settings.confidence, tried)

        decision = decide(bar, [_validation(number, world, score)], settings, weigh)
        winner = int(decision.champion)
        if champion is not None and winner != champion:
            old = world.drops[champion]
            noise = float(np.std(drop.right.astype(float) - old.right)) / HOLDOUT**0.5
            moves.append(Move(number, drop.quality - old.quality, noise))
        champion = winner
        qualities.append(world.drops[champion].quality)
    return qualities, moves


def _validation(number: int, world: World, score: Score) -> Validation:
    return Validation(str(number), score(world.drops[number].answers), ())


def draw(world: World) -> bytes:
    """Return the plot of the docs, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([drop.quality for drop in world.drops], ".", color="0.8", label="each drop")
    for settings, color, label in (
        (SETTINGS, "tab:red", "champion, any lead counts"),
        (SURE, "tab:green", "champion, with confidence: 0.95"),
    ):
        qualities, _ = play(world, settings)
        axes.step(range(len(qualities)), qualities, where="post", color=color, label=label)
    best = max(drop.quality for drop in world.drops)
    axes.axhline(best, color="0.5", linewidth=0.8, linestyle=":", label="the best drop of all")
    axes.set_ylim(best - 0.2, best + 0.02)
    axes.set_xlabel("drops, in the order in which they come")
    axes.set_ylabel("true quality (accuracy on 20,000 rows)")
    axes.legend(loc="lower right")
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "champions.png").write_bytes(draw(make_world(4)))
