"""A config dropped for the DAG, and the same one given to `dropforge train`: one digest, one set of values."""

import json
import sys

import numpy as np
import pytest

from dropforge.airflow import tasks
from dropforge.cli.main import main
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.settings import encode
from generator.spec import read_spec
from tests.dropforge.cli.commands import SPEC
from tests.dropforge.folder.drops import drop
from tests.dropforge.wine import copy_project

# What draws lots, and needs scales; no seed is named.
CONFIG = """\
models:
- {class: sklearn.ensemble.RandomForestClassifier, params: {n_estimators: 8}}
- {class: sklearn.neural_network.MLPClassifier, params: {max_iter: 20}}
"""


def test_the_tasks_make_what_the_command_makes(left, migrated, rows, tmp_path, monkeypatch, capsys):
    ours, theirs = (copy_project(migrated, tmp_path / name) for name in ("dag", "command"))
    (theirs.home / "pipelines.yaml").write_text(SPEC.replace("timeout_seconds: 120", "timeout_seconds: 120, cv: 3"))
    settings = encode(read_spec(theirs.home / "pipelines.yaml").pipeline("wine"))
    given = {"home": str(ours.home), "settings": settings}
    drop(ours.home / "configs" / "wine", "two.yaml", CONFIG)
    batches = tasks.claim(**given)
    trained = tasks.finish(batches, [tasks.train(batch, **given) for batch in batches], **given)
    assert json.loads(trained) == ["1", "2"]
    (compared,) = json.loads(tasks.compare(trained, **given))
    board = Store.connect(ours).client.get_run(compared["run_id"])
    assert board.data.tags["train_run"] == "r1"

    monkeypatch.chdir(theirs.home)
    (theirs.home / "two.yaml").write_text(CONFIG)
    monkeypatch.setattr(sys, "argv", ["dropforge", "train", "two.yaml", "--pipeline", "wine"])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    capsys.readouterr()

    for number in ("1", "2"):
        made = []
        for project in (ours, theirs):
            store = Store.connect(project)
            version = store.version("wine", number)
            metrics = {name: value for name, value in store.metrics(version).items() if name != "fit_seconds"}
            shares = load(store, version).estimator.predict_proba(rows.features)
            made.append((version.tags["config_digest"], version.tags["estimator"], metrics, shares))
        (digest, cls, metrics, shares), expected = made
        assert (digest, cls) == expected[:2]
        assert metrics == pytest.approx(expected[2], rel=1e-9)  # trees are added up in another order by more threads
        assert np.array_equal(shares, expected[3])
        assert len(metrics) > 15
