"""What editors are told of configs: nothing that is right is flagged, and what is flagged `check` refuses too."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import strategies as st

from dropforge.configs import read_candidates
from dropforge.configs.json_schema import KEYS, config_schema
from dropforge.configs.words import KNOWN, PLAIN
from dropforge.documents import UserError, parse_all
from dropforge.estimators import Allowed, registry
from dropforge.estimators.describe import template
from tests.dropforge.configs.test_corpus import BAD, GOOD, content, file
from tests.dropforge.fuzz import holds, shortly_and_for_long
from tests.mutations import mutated

ROOT = Path(__file__).parents[3]
SCHEMA = jsonschema.Draft7Validator(config_schema())
DEMO = [path for path in sorted((ROOT / "demo" / "configs").rglob("*.*")) if path.stem != "broken"]
READY = [template(entry).encode() for entry in registry().values() if entry.may_classify]


def values(text: bytes, name: str = "a.yaml") -> list[Any]:
    try:
        return [document.value for document in parse_all(text, name)]
    except UserError:  # no YAML
        return []


def flagged(value: Any, schema: jsonschema.Draft7Validator = SCHEMA) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(value)]


def is_refused(value: Any) -> bool:
    try:
        read_candidates(json.dumps(value).encode(), "a.json", Allowed())
    except UserError:
        return True
    return False


@pytest.mark.slow
def test_a_good_config_is_not_flagged_in_its_dialect_nor_in_the_plain_form() -> None:
    for case in GOOD:
        for value in (*values(content(case), file(case)), {"models": case["models"]}, *case["models"]):
            assert flagged(value) == [], case


def test_no_config_of_the_demo_nor_of_new_is_flagged() -> None:
    texts = [*READY, *(path.read_bytes() for path in DEMO)]
    assert len(texts) >= 49 + 6
    assert [found for text in texts for value in values(text) for found in flagged(value)] == []


SVC = "sklearn.svm.SVC"


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"class": SVC, "params": {"kernl": "rbf"}}, "$.params"),
        ({"class": SVC, "params": {"kernel": "rbff"}}, "$.params.kernel"),
        ({"class": SVC, "params": {"C": -1}}, "$.params.C"),
        ({"class": SVC, "params": {"C": "1"}}, "$.params.C"),
        ({"class": "SVC", "parms": {}}, "$"),
        ({"class": "SVC", "force": "yes"}, "$.force"),
        ({"class": "SVC", "grid": {"C": [1, -1]}}, "$.grid"),
        ({"class": "SVC", "grid": {"C": 1}}, "$.grid"),
        ({"class": "SVC", "param_sets": [{"C": 1}, {"D": 1}]}, "$.param_sets[1]"),
        ({"class": "sklearn.svm.SVK"}, "$.class"),
        ({"class": "sklearn.linear_model.LinearRegression"}, "$.class"),
        ({"class": "StandardScaler"}, "$.class"),
        ({"models": [{"class": SVC}, {"class": SVC, "params": {"C": 0}}]}, "$.models[1].params.C"),
        ({"models": [], "class": SVC}, "$"),
        ({"class": "BaggingClassifier", "params": {"estimator": {"class": SVC, "params": {"C": 0}}}},
         "$.params.estimator"),
        ({"class": "Pipeline", "params": {"steps": [["a", {"class": SVC, "params": {"C": 0}}]]}}, "$.params.steps"),
    ],
)  # fmt: skip
def test_mistakes_are_flagged_in_their_place(config: dict[str, Any], place: str) -> None:
    assert [found.partition(": ")[0] for found in flagged(config)] == [place]
    assert is_refused(config)


def test_what_is_read_as_something_else_is_not_flagged() -> None:
    for params in ({"max_depth": True}, {"max_depth": "None"}, {"class_weight": {"0": 1}}):  # true counts as 1
        config = {"class": "DecisionTreeClassifier", "params": params}
        assert flagged(config) == []
        assert not is_refused(config)


def test_what_a_pipeline_allows_is_all_that_its_schema_takes() -> None:
    allowed = Allowed(("sklearn.svm.*", "lightgbm.*"), ("*NuSVC",))
    narrow = jsonschema.Draft7Validator(config_schema(allowed))
    for name in (SVC, "SVC", "lightgbm.LGBMClassifier", "LGBMClassifier"):
        assert flagged({"class": name}, narrow) == []
    assert flagged({"class": "LGBMClassifier", "n_estimator": 5}, narrow)
    for name in ("sklearn.svm.NuSVC", "NuSVC", "sklearn.tree.DecisionTreeClassifier", "xgboost.XGBClassifier"):
        assert flagged({"class": name}, narrow)
    assert flagged({"class": "xgboost.XGBClassifier", "params": {"any": 1}}) == []  # a spec may admit it


def test_an_editor_is_told_of_every_key_and_parameter() -> None:
    definitions = SCHEMA.schema["definitions"]
    assert [key.name for key in KEYS] == [*PLAIN, "models"]
    assert set(definitions["model"]["properties"]) == set(PLAIN)
    for path, entry in registry().items():
        told = definitions[path]["properties"]
        assert list(told) == list(entry.parameters)
        for parameter in entry.parameters.values():
            about = told[parameter.name]
            about = definitions[about["$ref"].removeprefix("#/definitions/")] if "$ref" in about else about
            assert about["description"]
            if "default" in about:
                alone = jsonschema.Draft7Validator({"definitions": definitions} | about)
                assert alone.is_valid(about["default"]), (path, parameter.name)


LEAVES = [
    None, True, False, -1, 0, 1, 2, 0.5, 1e300, float("nan"), "balanced", "None", "x", "", [], [1, 2], ["a"], {},
    {"a": 1}, {"class": "SVC"}, {"type": "SVC", "C": 2}, {"class": SVC, "params": {"C": -1}}, {"class": ["SVC"]},
    "sklearn.svm.SVK", "LinearRegression",
]  # fmt: skip
WORDS = [*sorted(KNOWN), "className", "CLASS", "Params", "C", "n_estimators", "steps", "max_depth", "foo", ""]
SEEDS = [value for text in (*READY, *map(content, (*GOOD, *BAD))) for value in values(text)]


@shortly_and_for_long
def test_what_is_flagged_is_refused(examples: int) -> None:
    def check(value: Any) -> None:
        if found := flagged(value):
            assert is_refused(copy.deepcopy(value)), found

    holds(examples, check, mutated(SEEDS, LEAVES, WORDS))


@shortly_and_for_long
def test_a_value_that_is_flagged_is_refused(examples: int) -> None:
    def check(path: str, value: Any, data: st.DataObject) -> None:
        entry = registry()[path]
        name = data.draw(st.sampled_from([*entry.parameters, "foo"]))
        parameter = entry.parameters.get(name)
        if parameter and parameter.options and data.draw(st.booleans()):
            value = data.draw(st.sampled_from(parameter.options))
        estimator = {"class": path, "params": {name: value}}
        for tried in (estimator, {"class": "VotingClassifier", "params": {"estimators": [["a", estimator]]}}):
            if found := flagged(tried):
                assert is_refused(tried), found

    holds(examples, check, st.sampled_from(sorted(registry())), st.sampled_from(LEAVES), st.data())
