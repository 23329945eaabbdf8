"""A digest says whether two candidates are the same."""

from dataclasses import replace

import pytest

from dropforge.configs import digest, read_candidates
from dropforge.estimators import Allowed
from dropforge.estimators.thirdparty import installed
from dropforge.settings import Split

SPLIT = Split(test=0.2, holdout=0.2, seed=42)
FOREST = "class: sklearn.ensemble.RandomForestClassifier\nparams: {n_estimators: 5, max_depth: 2}"


def digest_of(text, file="a.yaml", data="d1", split=SPLIT):
    (candidate,) = read_candidates(text.encode(), file, Allowed())
    return digest(candidate, data, split)


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("params: {max_depth: 2, n_estimators: 5}\nclass: sklearn.ensemble.RandomForestClassifier", "a.yaml"),
        (FOREST, "another.yml"),
        (f"name: mine\nforce: true\n{FOREST}", "a.yaml"),
        ("class: RandomForestClassifier\nparams: {n_estimators: 5, max_depth: 2}", "a.yaml"),
        (
            '{"class": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5, "max_depth": 2}}',
            "a.json",
        ),
    ],
    ids=["another order", "another file", "another name", "the short name", "JSON"],
)
def test_the_same_model_has_the_same_digest(text, file):
    assert digest_of(text, file) == digest_of(FOREST)


def test_the_order_of_keys_does_not_count_in_nested_models():
    first = "class: BaggingClassifier\nparams: {estimator: {class: SVC, params: {C: 2, gamma: auto}}, n_estimators: 3}"
    second = "params: {n_estimators: 3, estimator: {params: {gamma: auto, C: 2}, class: SVC}}\nclass: BaggingClassifier"
    assert digest_of(first) == digest_of(second)


def test_a_digest_is_short_hexadecimal():
    assert len(digest_of(FOREST)) == 32
    int(digest_of(FOREST), 16)


def test_whatever_changes_the_model_changes_the_digest():
    digests = [
        digest_of(FOREST),
        digest_of(FOREST.replace("5", "6")),
        digest_of(FOREST.replace("RandomForest", "ExtraTrees")),
        digest_of(FOREST.replace("max_depth: 2", "random_state: null, max_depth: 2")),
        digest_of(FOREST, data="d2"),
        digest_of(FOREST, split=replace(SPLIT, seed=43)),
        digest_of(FOREST, split=replace(SPLIT, test=0.3)),
        digest_of(FOREST, split=replace(SPLIT, holdout=0.3)),
    ]
    assert len(set(digests)) == len(digests)


def test_the_version_of_scikit_learn_counts_without_its_patch(monkeypatch):
    digests = []
    for version in ("1.9.0", "1.9.7", "1.10.0", "2.9.0"):
        monkeypatch.setattr("sklearn.__version__", version)
        digests.append(digest_of(FOREST))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.slow
def test_the_version_of_another_package_counts_where_its_classes_are_used(monkeypatch):
    allowed = Allowed(("sklearn.*", "lightgbm.*"))

    def digests():
        installed.cache_clear()
        texts = (
            "class: LGBMClassifier",
            "class: BaggingClassifier\nparams: {estimator: {class: LGBMClassifier}}",
            FOREST,
        )
        return [digest(one, "d1", SPLIT) for text in texts for one in read_candidates(text.encode(), "a.yaml", allowed)]

    found = []
    for version in ("4.6.0", "4.6.7", "4.7.0"):
        monkeypatch.setattr("importlib.metadata.version", lambda name, version=version: version)
        found.append(digests())
    monkeypatch.undo()
    installed.cache_clear()
    assert found[0] == found[1]
    assert [one == other for one, other in zip(found[0], found[2], strict=True)] == [False, False, True]
