"""A ready config for each classifier: it passes the audit, and builds what the class builds by itself."""

from __future__ import annotations

import pytest

from dropforge.configs import read_candidates
from dropforge.documents import UserError
from dropforge.estimators import Allowed, build, registry
from dropforge.estimators.describe import description, template, to_plain

NAMES = [path for path, entry in registry().items() if entry.may_classify]


def test_all_that_can_classify_is_there() -> None:
    assert len(NAMES) >= 49
    assert {"sklearn.pipeline.Pipeline", "sklearn.model_selection.HalvingGridSearchCV"} <= set(NAMES)


@pytest.mark.parametrize("path", NAMES)
def test_ready_config_passes_and_builds_what_the_defaults_build(path: str) -> None:
    entry = registry()[path]
    text = template(entry)
    (candidate,) = read_candidates(text.encode(), "new.yaml", Allowed())
    built = build(candidate.estimator).get_params(deep=False)
    assert set(built) == set(entry.parameters)
    for name, parameter in entry.parameters.items():
        assert f"{name}:" in text
        if not parameter.required and (entry.name, name) != ("SelfTrainingClassifier", "estimator"):
            assert repr(built[name]) == repr(parameter.default)
            assert type(built[name]) is type(parameter.default)


def test_what_is_no_classifier_alone_is_explained() -> None:
    with pytest.raises(UserError, match="StandardScaler is not a classifier") as raised:
        template(registry()["sklearn.preprocessing.StandardScaler"])
    assert "Nest it: {class: sklearn.preprocessing.StandardScaler}" in raised.value.problems[0].remedy


def test_description_has_default_and_allowed_values_of_each_parameter() -> None:
    for entry in registry().values():
        text = description(entry)
        kind = "a classifier, if it holds one" if entry.kind == "other" and entry.may_classify else entry.kind
        assert text.startswith(f"{entry.path} ({kind})")
        for parameter in entry.parameters.values():
            assert f"\n  {parameter.name}\n" in text


def test_plain_values_are_json() -> None:
    import json

    for entry in registry().values():
        again = json.loads(json.dumps(to_plain(entry), allow_nan=False))
        assert list(again["parameters"]) == list(entry.parameters)
