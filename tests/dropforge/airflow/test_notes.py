"""What a run did fits into its note, with what somebody should look at first."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dropforge.airflow.notes import LENGTH, Report, fitting, listed
from dropforge.documents import Problem, UserError
from tests.dropforge.documents.values import texts


def outcome(version, value=0.5, status="trained"):
    return {"status": status, "version": version, "metrics": {"test_f1_macro": value}, "error": ""}


def failed(error="config.yaml: the fit failed\n    Mend it."):
    return {"status": "failed", "candidate": "a", "error": error}


def report(**files):
    """Return the lines of a report: a list of outcomes for each file."""
    found = Report("f1_macro")
    for file, outcomes in files.items():
        folder = "rejected" if any(one["error"] for one in outcomes) else "done"
        found.filed(f"{file}.yaml", Path("configs/wine", folder, f"{file}.yaml"), outcomes)
    return found.lines()


def test_a_config_says_which_version_it_became_and_how_good_that_is():
    assert report(a=[outcome("3", 0.98765)]) == [
        "`a.yaml` is in done/: version 3 with f1_macro 0.9877 on the test rows"
    ]


def test_of_several_versions_it_names_the_best():
    assert report(a=[outcome("3", 0.5), outcome("4", 0.75), outcome("5", 0.25, "known")]) == [
        "`a.yaml` is in done/: 3 versions, the best is version 4 with f1_macro 0.7500 on the test rows"
    ]


def test_a_version_that_was_there_before_is_called_so():
    assert "version 3 (known before)" in report(a=[outcome("3", status="known")])[0]


def test_what_went_wrong_comes_first_and_is_counted():
    lines = report(good=[outcome("1")], bad=[outcome("2"), failed("bad.yaml: the fit failed\n    Mend it.")])
    assert lines[0] == "2 configs, 1 of them with trouble"
    assert lines[1] == (
        "`bad.yaml` is in rejected/: version 2 with f1_macro 0.5000 on the test rows, 1 not trained: the fit failed"
    )
    assert lines[2].startswith("`good.yaml` is in done/")


def test_where_all_went_well_the_first_line_says_so():
    assert report(a=[outcome("1")], b=[outcome("2")])[0] == "2 configs, all of them trained"


def test_a_mistake_has_its_line_and_its_remedy():
    found = Report("f1_macro")
    problem = Problem("SVC has no parameter 'CC'", "Did you mean 'C'?", "a.yaml", 2, 10, "params.CC")
    found.rejected("a.yaml", UserError(problem))
    found.rejected("b.yaml", UserError([problem] * 3))
    assert found.lines()[1:] == [
        "`a.yaml` is rejected: line 2: SVC has no parameter 'CC'. Did you mean 'C'?",
        "`b.yaml` is rejected: line 2: SVC has no parameter 'CC'. Did you mean 'C'? (and 2 more)",
    ]


def test_a_run_without_a_config_says_so():
    assert Report("f1_macro").lines() == ["there was nothing to train"]


def test_a_file_that_another_run_filed_and_one_that_stays_are_said():
    found = Report("f1_macro")
    found.filed("a.yaml", None, [outcome("1")])
    found.stays("b.yaml")
    assert "stays where it is" in found.lines()[1]
    assert "filed by another run" in found.lines()[2]


@given(st.lists(texts | st.integers(0, 200).map("x".__mul__), min_size=1, max_size=60))
def test_whatever_is_said_fits_and_what_is_left_out_is_counted(lines):
    kept = fitting(lines)
    assert len(listed(kept)) <= LENGTH
    if kept[-1].startswith("and ") and kept[-1].endswith("more: see the log"):
        assert int(kept[-1].split()[1]) == len(lines) - len(kept) + 1
    else:
        assert len(kept) == len(lines)
    for line, whole in zip(kept[:-1], lines, strict=False):
        assert line in (whole, f"{whole[: LENGTH // 2]}...")


@given(st.lists(st.text("abc", max_size=20), max_size=6))
def test_what_fits_stays_as_it_is(lines):
    assert fitting(lines) == lines
