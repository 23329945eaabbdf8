"""What is accepted builds the estimator that its normal form says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from dropforge.documents import Document
from dropforge.estimators import Allowed, Estimator, audit, build, plain, registry
from tests.dropforge.estimators.auditing import agrees
from tests.dropforge.fuzz import holds, shortly_and_for_long

ENTRIES = sorted(registry().values(), key=lambda entry: entry.path)
# Those that hold others with names, and those with a tuple as default, come often.
PAIRED = [
    entry
    for entry in ENTRIES
    if entry.named_items or any(isinstance(p.default, tuple) for p in entry.parameters.values())
]
LEAVES = [{"class": name} for name in ("SVC", "DecisionTreeClassifier", "GaussianNB", "StandardScaler", "PCA", "Ridge")]
values = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        2,
        5,
        0.1,
        1.0,
        1e-3,
        "balanced",
        "auto",
        "scale",
        "sqrt",
        "None",
        [1, 2],
        [5],
        "passthrough",
    ]
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    entry = draw(st.sampled_from(ENTRIES) | st.sampled_from(PAIRED))
    params: dict[str, Any] = {}
    for parameter in entry.parameters.values():
        if parameter.required or (parameter.may_be_object and draw(st.booleans())):
            leaf = st.sampled_from(LEAVES)
            pairs = st.lists(
                st.tuples(st.sampled_from("abc"), leaf).map(list),
                min_size=1,
                max_size=3,
                unique_by=lambda pair: pair[0],
            )
            params[parameter.name] = draw(pairs if parameter.name == entry.named_items else leaf)
            if parameter.name == entry.grid:
                params[parameter.name] = draw(st.dictionaries(st.sampled_from(["C", "max_depth"]), st.lists(values)))
        elif isinstance(parameter.default, tuple) and draw(st.booleans()):
            params[parameter.name] = list(parameter.default)
        elif draw(st.integers(0, 9)) == 0:
            words = st.sampled_from(parameter.options) if parameter.options else values
            params[parameter.name] = draw(values | words)
    return {"class": entry.path, "params": params}


def audited(value: Any) -> Estimator | None:
    tree, problems = audit(value, Allowed(), Document(value, "a.yaml"), ())
    assert (tree is None) is bool(problems)
    return tree


@shortly_and_for_long
def test_what_is_accepted_builds_what_its_normal_form_says(examples: int) -> None:
    holds(examples, is_built_as_it_says, configs())


def is_built_as_it_says(value: dict[str, Any]) -> None:
    tree = audited(value)
    assume(tree is not None)  # and hypothesis complains where too few are accepted
    assert tree is not None
    model = build(tree)
    assert agrees(model, tree)
    # The normal form is read as the same tree, from JSON too, and parameters go round.
    again = audited(json.loads(json.dumps(plain(tree))))
    assert again is not None
    assert repr(plain(again)) == repr(plain(tree))
    assert agrees(build(again), tree)
    params = model.get_params(deep=False)
    assert repr(type(model)(**params).get_params(deep=False)) == repr(params)
