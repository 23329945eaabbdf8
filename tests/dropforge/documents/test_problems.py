"""A mistake is shown with file, line, key path and remedy."""

import pickle

import pytest

from dropforge.documents import Problem, UserError, did_you_mean


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("it is wrong"), "it is wrong"),
        (Problem("it is wrong", "Correct it."), "it is wrong\n    Correct it."),
        (Problem("it is wrong", file="a.yaml", line=3, column=5, path="a.b"), "a.yaml:3:5: a.b: it is wrong"),
        (Problem("it is wrong", path="a"), "a: it is wrong"),
    ],
)
def test_a_problem_says_where_and_what_to_do(problem, text):
    assert str(problem) == text


def test_an_error_shows_all_its_problems():
    assert str(UserError([Problem("one"), Problem("two")])) == "one\ntwo"


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(UserError(Problem("one", "Do.", "a.yaml", 3))))  # noqa: S301
    assert error.problems == (Problem("one", "Do.", "a.yaml", 3),)


def test_a_file_is_named_only_where_none_is_named_yet():
    error = UserError([Problem("one"), Problem("two", file="b.yaml")]).in_file("a.yaml")
    assert [problem.file for problem in error.problems] == ["a.yaml", "b.yaml"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("metrik", "Did you mean 'metric'?"), ("METRIC", "Did you mean 'metric'?"), ("zzz", ""), ("", "")],
)
def test_the_closest_known_word_is_suggested(word, hint):
    assert did_you_mean(word, ["metric", "minimum"]) == hint
