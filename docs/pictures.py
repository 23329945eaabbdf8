"""The pictures of mistakes in the guide, drawn from what `dropforge check` prints."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.text import Text

from dropforge.cli.main import main

IMAGES = Path(__file__).parent / "images"
WIDTH = 110
SPEC = """\
version: 1
pipelines:
  wine:
    data: {source: sklearn.datasets.load_wine, target: target}
"""
# What is dropped: the config of the guide's text, and those of its pictures.
TEXT = "class: SVC\nparams:\n  C: -1\n"
CONFIGS = {
    "error-values": """\
class: RandomForestClassifier
params:
  n_estimator: 200
  max_depth: "5"
  max_features: auto
  criterion: ginny
""",
    "error-readings": """\
name: BaggingClassifier
estimator: {class: SVC}
""",
    "error-nested": """\
class: Pipeline
params:
  steps:
    - [log, {class: FunctionTransformer, params: {func: numpy.log1p}}]
    - [scale, {class: StandartScaler}]
    - [predict, {class: sklearn.ensemble.forest.RandomForestClassifier, params: {max_depth: 3}}]
  memory: /tmp/cache
""",
}


def printed(config: str) -> str:
    """Return what the terminal shows: the command, and what it prints."""
    command = ["dropforge", "check", "configs/wine/model.yaml"]
    shown = io.StringIO()
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home), contextlib.redirect_stdout(shown):
        path = Path(command[-1])
        path.parent.mkdir(parents=True)
        path.write_text(config)
        Path("pipelines.yaml").write_text(SPEC)
        with mock.patch.object(sys, "argv", command), contextlib.suppress(SystemExit):
            main()
    return f"$ {' '.join(command)}\n{shown.getvalue().strip()}\n"


def drawn(text: str, name: str) -> str:
    """Return a picture of a text in a terminal, as SVG that fetches nothing."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text(text.rstrip("\n")))
    svg = console.export_svg(title="dropforge check", unique_id=name)
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)


def pictures() -> dict[Path, str]:
    """Return the pictures, as they should be."""
    return {IMAGES / f"{name}.svg": drawn(printed(config), name) for name, config in CONFIGS.items()}
