"""Log and register one fitted candidate: against MLflow's `log_model` with default arguments, and what each part costs.

The parts are measured one by one; while a candidate is logged they are worked out in a thread, as MLflow answers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import mlflow

from benchmarks.configs import config, five
from benchmarks.figures import Aim, Figure, alternate
from benchmarks.stack import Options
from dropforge.configs import Candidate, read_candidates
from dropforge.data import Rows, load
from dropforge.estimators import Allowed, build
from dropforge.project import Project
from dropforge.registry import Store
from dropforge.settings import Pipeline
from dropforge.training.card import card
from dropforge.training.charts import draw_confusion, draw_importances
from dropforge.training.evaluate import Evaluation, evaluate
from dropforge.training.explain import by_class, curves_of, explain, importances_of, last_of, steps_of
from dropforge.training.figures import draw_curves
from dropforge.training.fit import Fitted, fit
from dropforge.training.log import Origin, log
from dropforge.training.prepare import prepare

FULL_SECONDS, MINIMAL_SECONDS = 1.0, 0.15


@dataclass(frozen=True)
class Case:
    """A fitted candidate, ready to be logged."""

    origin: Origin
    rows: Rows
    fitted: Fitted
    evaluation: Evaluation

    @property
    def candidate(self) -> Candidate:
        """What was fitted."""
        return self.origin.candidate


def run(options: Options) -> list[Figure]:
    """Return the seconds that one call takes, beside the default's, in full and minimal; and those of each part."""
    project = options.project
    settings = replace(project.spec.pipeline("five"), name="log")
    minimal = replace(settings, name="log-minimal", train=replace(settings.train, log="minimal"))
    rows = load(settings.data, project.home)
    store = Store.connect(Project(project.home))
    first, *others = [_case(file, text, rows, settings) for file, text in _configs().items()]

    def ours(case: Case, pipeline: Pipeline) -> Callable[[int], float]:
        return lambda _: seconds_of(lambda: log(store, pipeline, case.origin, rows, case.fitted, case.evaluation))

    def by_hand() -> None:
        with mlflow.start_run(experiment_id=experiment):
            mlflow.sklearn.log_model(first.fitted.estimator, name="model", registered_model_name="log_by_hand")

    def default(_: int) -> float:
        return seconds_of(by_hand)

    experiment = store.experiment("log_by_hand")
    repetitions = options.repetitions(5, 2)
    cold = ours(first, settings)(0)
    ours(first, minimal)(0)
    default(0)
    full, least, theirs = alternate(repetitions, options.say, ours(first, settings), ours(first, minimal), default)
    beside, aim = ("log_model(...)", theirs), Aim("ratio", 1 / 20)
    found = [
        Figure("log and register one candidate", "s", full, *beside, aim),
        # What log_model stores, and parameters, metrics, data set, config and tags: the like with the like.
        Figure("log and register one candidate, log: minimal", "s", least, *beside, aim),
    ]
    found.append(Figure("the first call, with what it imports", "s", (cold,)))
    for case in (first, *others):
        name = case.candidate.estimator.name
        ours(case, settings)(0)
        ours(case, minimal)(0)
        full, least = alternate(repetitions, options.say, ours(case, settings), ours(case, minimal))
        found.append(Figure(f"{name}: log: full", "s", full, aim=Aim("median", FULL_SECONDS)))
        found.append(Figure(f"{name}: log: minimal", "s", least, aim=Aim("median", MINIMAL_SECONDS)))
        with tempfile.TemporaryDirectory() as folder:
            parts = _parts(case, settings, Path(folder))
            measured = alternate(
                repetitions, options.say, *(lambda _, part=part: seconds_of(part) for part in parts.values())
            )
        found += [Figure(f"{name}: {part}", "s", values) for part, values in zip(parts, measured, strict=True)]
    return found


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _configs() -> Mapping[str, str]:
    """Return a model that MLflow's defaults can store; one with many steps; one whose importances are found out."""
    file, text = next(iter(five(0).items()))
    return {
        file: text,
        "boosting.json": config("ensemble.GradientBoostingClassifier", n_estimators=10, max_depth=2),
        "perceptron.json": config("neural_network.MLPClassifier", max_iter=50),
    }


def _case(file: str, text: str, rows: Rows, settings: Pipeline) -> Case:
    (candidate,) = read_candidates(text.encode(), file, Allowed())
    prepared = prepare(candidate.estimator, settings.data, rows)
    fitted = fit(build(prepared.tree, settings.data.split.seed), rows, file)
    evaluation = evaluate(fitted.estimator, rows, settings.promote.metric, file)
    return Case(Origin.of(candidate, text.encode(), settings, rows, prepared), rows, fitted, evaluation)


def _parts(case: Case, settings: Pipeline, folder: Path) -> Mapping[str, Callable[[], object]]:
    """Return what is done beside the calls to MLflow, by name; what the model does not have is left out."""

    def parts() -> Iterator[tuple[str, Callable[[], object]]]:
        rows, prepared, evaluation = case.rows, case.origin.prepared, case.evaluation
        estimator = case.fitted.estimator
        last, before = last_of(estimator)
        known = explain(estimator, prepared, rows, evaluation)
        target = rows.part("test")[1]
        file = folder / "plot.png"
        yield "confusion matrix", lambda: draw_confusion(target, evaluation.predicted, rows.classes, file)
        yield "classes", lambda: by_class(rows, evaluation)
        if known.steps:
            yield "steps", lambda: steps_of(last, before, rows)
        if known.curves:
            yield "curves", lambda: curves_of(estimator, rows)
            yield "curves' plot", lambda: draw_curves(known.curves, file)
        if known.importances:
            yield "importances", lambda: importances_of(estimator, last, before, prepared, rows)
            yield (
                "importances' plot",
                lambda: draw_importances(known.importances, known.means, file),
            )
        example = rows.part("train")[0].head(3)
        yield (
            "card",
            lambda: card(
                settings, case.candidate, prepared, rows, evaluation, known, case.fitted.warnings, example, ""
            ),
        )

    return dict(parts())
