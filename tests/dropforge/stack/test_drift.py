"""What Airflow has taken up, compared with the generated files."""

from datetime import UTC, datetime

import pytest

from dropforge.project import Project
from dropforge.stack.drift import airflow_drift, compare
from generator.plan import apply, plan
from tests.generator.specs import WINE, spec_of


@pytest.fixture
def folder(tmp_path):
    apply(plan(spec_of(tmp_path, WINE)))
    return tmp_path / "dags_generated"


def dags(pipeline="wine", later=5.0, **changes):
    """Return the DAGs of a pipeline as Airflow's API gives them, read some seconds after now."""
    read = datetime.fromtimestamp(datetime.now(UTC).timestamp() + later, UTC).isoformat().replace("+00:00", "Z")
    plain = {
        "fileloc": f"/somewhere/{pipeline}.py", "relative_fileloc": f"{pipeline}.py", "is_stale": False,
        "last_parsed_time": read,
    }  # fmt: skip
    return [plain | {"dag_id": f"{pipeline}_{kind}"} | changes for kind in ("train", "promote")]


def kinds(found):
    return [(drift.kind, drift.pipeline) for drift in found]


def test_files_that_airflow_has_read_are_no_drift(folder):
    assert compare(folder, dags(), []) == ()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ([], "has not found its DAGs yet"),
        (dags(is_stale=True), "has not found its DAGs yet"),
        (dags("beer")[:0], "has not found its DAGs yet"),
        (dags(later=-3600), "has not read its latest files yet"),
        (dags(last_parsed_time=None), "has not read its latest files yet"),
    ],
)
def test_files_that_airflow_has_not_read_are_named(folder, known, words):
    (drift,) = compare(folder, known, [])
    assert (drift.kind, drift.pipeline) == ("airflow", "wine")
    assert words in drift.message
    assert drift.remedy


def test_one_dag_that_was_not_read_again_is_enough(folder):
    assert kinds(compare(folder, [*dags()[:1], *dags(later=-3600)[1:]], [])) == [("airflow", "wine")]


def test_an_import_error_is_told_by_its_last_line(folder):
    trace = "Traceback (most recent call last):\n  ...\nKeyError: 'train'\n"
    (drift,) = compare(folder, dags(), [{"filename": "wine.py", "stack_trace": trace}])
    assert (drift.kind, drift.pipeline) == ("import error", "wine")
    assert "KeyError: 'train'" in str(drift)


def test_dags_whose_files_are_gone_are_named(folder):
    assert kinds(compare(folder, dags() + dags("beer"), [])) == [("airflow", "beer")]


def test_an_airflow_that_does_not_answer_is_said(folder):
    (drift,) = airflow_drift(Project(folder.parent), "http://127.0.0.1:9")
    assert drift.kind == "unknown"
    assert "does not say which DAGs it has" in str(drift)
