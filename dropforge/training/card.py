"""The model card: what a version is, in MLflow's page of it, for somebody who sees it for the first time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from dropforge.configs import Candidate
from dropforge.data import Rows
from dropforge.documents.markdown import code
from dropforge.settings import Pipeline
from dropforge.training.evaluate import Evaluation
from dropforge.training.explain import Explanation, head_of
from dropforge.training.prepare import Prepared

LONGEST = 5000  # MLflow's limit
_SHOWN = 10  # classes, columns
_ROW = 600  # characters of the example row


def card(
    pipeline: Pipeline,
    candidate: Candidate,
    prepared: Prepared,
    rows: Rows,
    evaluation: Evaluation,
    explanation: Explanation,
    warnings: tuple[str, ...],
    example: pd.DataFrame,
    summary: str,
) -> str:
    """Return the card as Markdown, in parts that are left out from the end where it would be too long."""
    parts = [
        summary,
        "\n".join(_scores(pipeline, evaluation, explanation)),
        "\n".join(_data(pipeline, prepared, rows)),
        "\n".join(_calling(pipeline, example)),
        "\n".join(_limits(candidate, rows, warnings)),
    ]
    text = ""
    for part in parts:
        if len(text) + len(part) + 2 > LONGEST:
            break
        text += f"{part}\n\n"
    return text.strip()


def _scores(pipeline: Pipeline, evaluation: Evaluation, explanation: Explanation) -> Iterator[str]:
    yield "## How good it is\n\n| on the test rows | |\n|---|---|"
    for name, value in evaluation.metrics.items():
        mark = " (the pipeline's metric)" if name == f"test_{pipeline.promote.metric}" else ""
        yield f"| {name.removeprefix('test_')}{mark} | {value:.4f} |"
    for name, scores in evaluation.folds.items():
        spread = f"{np.mean(scores):.4f}, give or take {np.std(scores):.4f}"
        yield f"\n{name.removeprefix('cv_')} on {len(scores)} folds of the training rows: {spread}."
    if explanation.importances:
        first = ", ".join(
            f"{code(str(name))} {value:.3f}" for name, value in head_of(explanation.importances, 5).items()
        )
        yield f"\nIt looks most at {first} ({explanation.means})."


def _data(pipeline: Pipeline, prepared: Prepared, rows: Rows) -> Iterator[str]:
    yield f"## What it learned from\n\n- {code(rows.source)}, state {code(rows.digest)}"
    yield f"- {rows.count('train')} rows; {rows.count('test')} to test, {rows.count('holdout')} to compare versions"
    classes = ", ".join(code(str(label)) for label in rows.classes[:_SHOWN])
    more = f" and {len(rows.classes) - _SHOWN} more" if len(rows.classes) > _SHOWN else ""
    yield f"- predicts {code(pipeline.data.target)}: {classes}{more}"
    names = ", ".join(code(str(name)) for name in prepared.columns[:_SHOWN])
    more = f" and {len(prepared.columns) - _SHOWN} more" if len(prepared.columns) > _SHOWN else ""
    yield f"- from {names}{more}"
    yield from (f"- {line}" for line in prepared.about[:_SHOWN])


def _calling(pipeline: Pipeline, example: pd.DataFrame) -> Iterator[str]:
    row = example.head(1).to_json(orient="records", date_format="iso")
    body = json.dumps({"dataframe_records": json.loads(row)}, ensure_ascii=False)
    if len(body) > _ROW:
        body = '{"dataframe_records": [{...}]}'
    yield "## How to call it\n\nOnce it is the champion, the model server answers to rows as they stand in the table:\n"
    yield f"```\nPOST /models/{pipeline.name}/invocations\n{body}\n```"


def _limits(candidate: Candidate, rows: Rows, warnings: tuple[str, ...]) -> Iterator[str]:
    rarest = rows.part("train")[1].value_counts().min()
    yield f"## Limits\n\n- The rarest class has {rarest} rows to learn from."
    yield "- It knows what its table held: rows of another kind get an answer all the same."
    yield from (f"- While it was fitted: {line.partition(chr(10))[0][:300]}" for line in warnings[:3])
    yield f"- Trained from {code(candidate.config_file)}, which the run holds byte by byte."
