"""In whatever dialect a model is written, it is the same model: same normal form, same digest, same name."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from dropforge.configs import Candidate, convert, digest, plain_form, read_candidates
from dropforge.configs.words import EXPLICIT, FORCE, GRID, HOLDERS, LISTS, MODULES, NAMES, OTHERS, PARAMS, SETS
from dropforge.documents import to_yaml
from dropforge.estimators import Allowed, registry
from dropforge.settings import Split
from tests.dropforge.fuzz import holds, shortly_and_for_long

Value = dict[str, Any]
SPLIT = Split(test=0.2, holdout=0.2, seed=42)
ENTRIES = registry()

LEAVES = st.sampled_from(
    [
        {"class": "sklearn.svm.SVC", "params": {"C": 2, "kernel": "linear"}},
        {"class": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5, "max_depth": None}},
        {"class": "sklearn.neighbors.KNeighborsClassifier", "params": {"algorithm": "ball_tree", "n_neighbors": 3}},
        {"class": "sklearn.neural_network.MLPClassifier", "params": {"hidden_layer_sizes": [5, 5]}},
        {"class": "sklearn.linear_model.SGDClassifier", "params": {"alpha": 1e-3, "class_weight": {"0": 1, "1": 2}}},
        {"class": "sklearn.naive_bayes.GaussianNB", "params": {}},
    ]
)
SCALER = {"class": "sklearn.preprocessing.StandardScaler", "params": {"with_mean": False}}


def holding(leaf: Value) -> st.SearchStrategy[Value]:
    """Return models that hold a leaf."""
    pairs = [["one", leaf], ["two", {"class": "sklearn.naive_bayes.GaussianNB", "params": {}}]]
    search = {"estimator": leaf, "param_grid": {}}
    return st.sampled_from(
        [
            {"class": "sklearn.ensemble.BaggingClassifier", "params": {"estimator": leaf, "n_estimators": 3}},
            {"class": "sklearn.ensemble.VotingClassifier", "params": {"estimators": pairs, "voting": "soft"}},
            {"class": "sklearn.pipeline.Pipeline", "params": {"steps": [["scale", SCALER], ["classify", leaf]]}},
            {"class": "sklearn.model_selection.GridSearchCV", "params": search},
        ]
    )


MODELS = LEAVES | LEAVES.flatmap(holding)


def styled(draw: st.DrawFn, key: str) -> str:
    """Return a key of the table as people write it."""
    first, *others = key.strip("_").split("_")
    if key.startswith("_"):
        return key
    styles = (key, key.capitalize(), "-".join([first, *others]), " ".join([first, *others]))
    return draw(st.sampled_from([*styles, first + "".join(other.capitalize() for other in others)]))


@st.composite
def written(draw: st.DrawFn, model: Value, name: str | None = None, *, nested: bool = False) -> Value:
    """Return a model as one of its authors may have written it."""
    path, params = model["class"], {key: draw(value_of(key, item)) for key, item in model["params"].items()}
    module, _, short = path.rpartition(".")
    own = ENTRIES[path].parameters
    # A word that is a parameter of this class is taken for that. Without a name, any word for the class will do.
    words = [*EXPLICIT, *HOLDERS, *OTHERS, *(() if name else NAMES)]
    word = draw(st.sampled_from([word for word in words if word not in own]))
    found: Value = {styled(draw, word): draw(st.sampled_from([path, short]))}
    if draw(st.booleans()):
        package, _, rest = module.partition(".")
        split: Value = {styled(draw, draw(st.sampled_from(MODULES))): module}
        split = draw(st.sampled_from([split, {"package": package, "module": rest}]))
        found = {styled(draw, word): short, **split}
    if params:
        listed = [{key: item} for key, item in params.items()]
        key = styled(draw, draw(st.sampled_from(PARAMS)))
        ways: list[Value] = [{key: params}, {key: listed}]
        # Beside the class, what is also a word of the table would be ambiguous.
        if not {*params} & {*EXPLICIT, *HOLDERS, *OTHERS, *NAMES, *LISTS} and not nested:
            ways += [params]
        found |= draw(st.sampled_from(ways))
    if name:
        found[styled(draw, draw(st.sampled_from(NAMES)))] = name
    if not nested and draw(st.integers(0, 3)) == 0:
        found = {styled(draw, draw(st.sampled_from(HOLDERS))): found}
    keys = draw(st.permutations(list(found)))
    return {key: found[key] for key in keys}


def value_of(key: str, value: Any) -> st.SearchStrategy[Any]:
    """Return the ways to write a parameter's value: its nested models in dialects of their own."""
    if isinstance(value, dict) and "class" in value:
        return written(value, nested=True)
    if key in ("steps", "estimators"):
        pairs = st.tuples(*(st.tuples(st.just(name), written(item, nested=True)).map(list) for name, item in value))
        return pairs.flatmap(
            lambda pairs: st.sampled_from([list(pairs), dict(pairs), [{name: item} for name, item in pairs]])
        )
    return st.just(value)


@st.composite
def files(draw: st.DrawFn) -> tuple[list[Value], str, str]:
    """Return models in the plain form, and a file that asks for them: its name and its text."""
    names = draw(
        st.lists(st.sampled_from(["first", "second", "my model", "漢字"]), min_size=1, max_size=3, unique=True)
    )
    models = [{**draw(MODELS), "name": name} for name in names]
    shape = draw(st.sampled_from(["list", "listed", "named", "entries", "documents", *(["one"] * (len(names) == 1))]))
    inside = shape in ("named", "entries")
    texts = [draw(written(model, None if inside else model["name"])) for model in models]
    value: Any = dict(zip(names, texts, strict=True)) if inside else texts
    if shape in ("listed", "named"):
        value = {styled(draw, draw(st.sampled_from(LISTS))): value}
    if shape == "documents":
        return models, "a.yaml", yaml.safe_dump_all(texts, sort_keys=False, allow_unicode=True)
    value = texts[0] if shape == "one" else value
    if draw(st.booleans()):
        return models, "a.json", json.dumps(value, ensure_ascii=draw(st.booleans()))
    return models, draw(st.sampled_from(["a.yaml", "a.yml"])), draw(st.sampled_from([to_yaml, json.dumps]))(value)


def read(text: str, file: str) -> tuple[Candidate, ...]:
    return read_candidates(text.encode(), file, Allowed())


def same_as_the_plain_form(case: tuple[list[Value], str, str]) -> None:
    models, file, text = case
    candidates, plain = read(text, file), read(json.dumps(models), "plain.json")
    assert [candidate.name for candidate in candidates] == [model["name"] for model in models], text
    assert [candidate.estimator for candidate in candidates] == [candidate.estimator for candidate in plain], text
    assert [digest(one, "d", SPLIT) for one in candidates] == [digest(one, "d", SPLIT) for one in plain], text
    converted = to_yaml(plain_form(convert(text.encode(), file)))
    assert [one.estimator for one in read(converted, "a.yaml")] == [one.estimator for one in plain], text


@shortly_and_for_long
def test_any_dialect_says_the_same_as_the_plain_form(examples: int) -> None:
    holds(examples, same_as_the_plain_form, files())


@pytest.mark.parametrize(("key", "value"), [(GRID, {"C": [1, 2]}), (SETS, [{"C": 1}, {"C": 2}])])
def test_what_asks_for_several_models_may_stand_in_any_dialect(key: str, value: Any) -> None:
    wanted = [plain.estimator for plain in read('[{"class": "SVC", "C": 1}, {"class": "SVC", "C": 2}]', "a.json")]

    def check(model: Value) -> None:
        assert [one.estimator for one in read(json.dumps({**model, key: value, FORCE: True}), "a.json")] == wanted

    holds(30, check, written({"class": "sklearn.svm.SVC", "params": {}}))
