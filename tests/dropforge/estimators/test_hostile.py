"""Whatever a config names, the audit runs nothing, imports nothing, and opens nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from dropforge.documents import Document
from dropforge.estimators import Allowed, audit
from tests.dropforge.estimators.auditing import mistakes, param
from tests.dropforge.fuzz import holds, shortly_and_for_long

# What Python itself reports when code is made or run, when a module is looked for, or something outside is touched.
DEEDS = (
    "import",
    "exec",
    "compile",
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "pickle.",
    "marshal.",
    "ctypes.",
)
_watching: list[list[str]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(DEEDS):
        _watching[-1].append(f"{event} {arguments!r}")


sys.addaudithook(_note)


@contextlib.contextmanager
def nothing_done(why: object = "") -> Iterator[None]:
    """Fail if the block does anything that Python reports; say for what it was done."""
    _watching.append([])
    try:
        yield
    finally:
        deeds = _watching.pop()
    assert deeds == [], why


@pytest.fixture(scope="module", autouse=True)
def marking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Modules on the path that leave a mark when they are imported."""
    folder = tmp_path_factory.mktemp("marking")
    code = f"import pathlib; pathlib.Path({str(folder)!r}, __name__ + '.mark').touch()\n"
    model = (
        "from sklearn.base import BaseEstimator, ClassifierMixin\nclass Model(ClassifierMixin, BaseEstimator): ...\n"
    )
    (folder / "marker.py").write_text(code + model)
    (folder / "lightgbmarker.py").write_text(code + model)
    package = folder / "marked"
    package.mkdir()
    (package / "__init__.py").write_text(code)
    (package / "inner.py").write_text(code + model)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        # What our own code imports when it is used first is there from now on.
        mistakes("class: GridSearchCV\nparams: {estimator: {class: SVC}, param_grid: {C: [1]}, scoring: [x]}")
        mistakes("class: marker.Model")
        yield folder
    for name in ("marker", "marked", "marked.inner", "lightgbmarker"):
        sys.modules.pop(name, None)


PATHS = [
    "marker.Model", "marker", "marked.inner.Model", "marked", "lightgbmarker.Model", "sklearn.marker.Model",
    "os.system", "subprocess.Popen", "builtins.eval", "builtins.exec", "builtins.__import__", "eval", "__import__",
    "antigravity.x", "this.s", "pty.spawn", "pickle.loads", "joblib.load", "importlib.import_module",
    "sklearn.__builtins__", "sklearn.__loader__", "sklearn.os.system", "sklearn.utils._testing.subprocess.Popen",
    "sklearn.utils._testing.os.system", "sklearn.externals._packaging.version", "sklearn.utils.all_estimators",
    "sklearn.base.BaseEstimator", "sklearn.datasets.fetch_openml", "sklearn.datasets.load_files", "sklearn.setup",
    "sklearn.utils.parallel.Parallel", "sklearn.utils.estimator_checks.check_estimator", "sklearn.show_versions",
    "sklearn.tree.DecisionTreeClassifier.__init__", "sklearn.tree.DecisionTreeClassifier.__class__.__base__",
    "sklearn.tree.DecisionTreeClassifier.fit.__globals__", "sklearn..tree.DecisionTreeClassifier",
    ".DecisionTreeClassifier", "..tree.DecisionTreeClassifier", ".sklearn.tree", "sklearn.", ".", "..", "../marker",
    "/etc/passwd", "file:///etc/passwd", "sklearn/tree/DecisionTreeClassifier", "sklearn.tree:DecisionTreeClassifier",
    "sklearn.tree.DecisionTreeClassifier\n", " sklearn.svm.SVC", "sklearn.svm.SVC ", "sklearn.svm.SVC()", "SVC\x00",
    "\u0455klearn.svm.SVC", "sklearn.svm.\uff33VC", "sklearn\u2024svm\u2024SVC", "SV\u0421", "sklearn.svm.SVC\u200b",
    "{{ SVC }}", "$SVC", "${DROPFORGE_HOME}", "!!python/name:os.system", "lambda: 1", "a" * 10_000, "." * 10_000,
    "a." * 5_000, "sklearn.externals.conftest", "dropforge.estimators.build", "lightgbm.basic.Booster",
    "lightgbm.Dataset",
]  # fmt: skip
# Patterns of a spec that name no package in full, or another one.
LISTS = [Allowed(), Allowed(("*",)), Allowed(("*.Model", "mark*", "?arker.*", "[m]arker.*"))]


def nested(value: dict[str, Any]) -> dict[str, Any]:
    return {"class": "sklearn.ensemble.BaggingClassifier", "params": {"estimator": value}}


@pytest.mark.parametrize("allowed", LISTS, ids=str)
@pytest.mark.parametrize("wrapped", [dict, nested], ids=["alone", "nested"])
def test_hostile_path_is_refused_and_nothing_is_done(
    allowed: Allowed, wrapped: Callable[[dict[str, Any]], dict[str, Any]], marking: Path
) -> None:
    loaded = set(sys.modules)
    for name in PATHS:
        value = wrapped({"class": name})
        with nothing_done(name):
            tree, problems = audit(value, allowed, Document(value, "a.yaml"), ())
        assert tree is None, name
        assert [problem.path.rpartition(".")[2] for problem in problems] == ["class"], name
        assert problems[0].remedy, name
    assert set(sys.modules) == loaded
    assert list(marking.glob("*.mark")) == []


CODE = [
    "marker.Model", "os.system", "sklearn.metrics.pairwise.rbf_kernel", "builtins.eval", "numpy.log1p", "lambda x: x",
    "__import__('os').system('touch mark')", "!!python/name:os.system", "{func.__globals__}", "eval",
]  # fmt: skip
TAKERS = [
    ("FunctionTransformer", "func"), ("FunctionTransformer", "inverse_func"), ("SelectKBest", "score_func"),
    ("FeatureAgglomeration", "pooling_func"), ("TransformedTargetRegressor", "func"), ("Pipeline", "memory"),
    ("KNeighborsClassifier", "metric"), ("KNeighborsClassifier", "weights"), ("SVC", "kernel"),
    ("GaussianProcessClassifier", "kernel"), ("GaussianProcessClassifier", "optimizer"),
    ("RandomForestClassifier", "oob_score"), ("RandomForestClassifier", "criterion"), ("CountVectorizer", "tokenizer"),
    ("CountVectorizer", "preprocessor"), ("CountVectorizer", "analyzer"), ("CountVectorizer", "input"),
    ("CountVectorizer", "dtype"), ("LogisticRegressionCV", "scoring"), ("HistGradientBoostingClassifier", "loss"),
    ("HistGradientBoostingClassifier", "scoring"), ("SimpleImputer", "strategy"), ("SequentialFeatureSelector", "cv"),
    ("BaggingClassifier", "random_state"), ("StackingClassifier", "final_estimator"),
    ("AgglomerativeClustering", "memory"),
]  # fmt: skip


@pytest.mark.parametrize("code", CODE)
def test_text_never_becomes_code(code: str, marking: Path) -> None:
    for name, parameter in TAKERS:
        value = {"class": name, "params": {parameter: code}}
        with nothing_done(value):
            tree, problems = audit(value, Allowed(), Document(value, "a.yaml"), ())
        assert tree is None, value
        assert any(problem.path == f"params.{parameter}" and problem.remedy for problem in problems), value
    assert list(marking.glob("*.mark")) == []


SEARCH = "class: GridSearchCV\nparams: {estimator: {class: Pipeline, params: {steps: [[model, {class: SVC}]]}}, "


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        (param("FunctionTransformer", "func", "numpy.log1p"), "params.func", "takes a function"),
        (
            "class: KNeighborsClassifier\nparams: {metric: pyfunc, metric_params: {func: os.system}}",
            "params.metric",
            "takes a function",
        ),
        (param("TfidfVectorizer", "input", "filename"), "params.input", "reads the files that the data names"),
        (param("TfidfVectorizer", "input", "file"), "params.input", "reads the files"),
        (SEARCH + "param_grid: {memory: [cache]}}", "params.param_grid.memory[0]", "pickled files"),
        (SEARCH + "param_grid: {model__kernel: [os.system]}}", "params.param_grid.model__kernel[0]", "must be a str"),
        (SEARCH + "param_grid: {model: [os.system]}}", "params.param_grid.model[0]", "is no estimator"),
        (SEARCH + "param_grid: {model: [{class: os.system}]}}", "params.param_grid.model[0].class", "not allowed here"),
        (SEARCH + "param_grid: {model____init__: [1]}}", "params.param_grid.model____init__", "has no parameter"),
        (SEARCH + "param_grid: {__class__: [1]}}", "params.param_grid.__class__", "has no parameter"),
        (
            SEARCH + "param_grid: {model__C: [1]}, scoring: {a: os.system}}",
            "params.scoring",
            "has no scorer 'os.system'",
        ),
        (SEARCH + "param_grid: {model__C: [1]}, pre_dispatch: print(1)}", "params.pre_dispatch", "as an expression"),
        (
            "class: RFE\nparams: {estimator: {class: SVC}, importance_getter: coef_.__class__}",
            "params.importance_getter",
            "the inside of Python's objects",
        ),
        (
            "class: ColumnTransformer\nparams: {transformers: [], "
            "verbose_feature_names_out: '{feature_name.__class__}'}",
            "params.verbose_feature_names_out",
            "the inside of Python's objects",
        ),
    ],
)
def test_what_would_run_or_read_is_refused_with_the_reason(text: str, path: str, words: str) -> None:
    ((_, where, message, remedy),) = mistakes(text)
    assert where == path
    assert words in message
    assert remedy


def test_package_is_imported_because_the_spec_names_it_and_for_no_other_reason(marking: Path) -> None:
    value = {"class": "marker.Model"}
    document = Document(value, "a.yaml")
    assert audit(value, Allowed(("marked.*",)), document, ())[0] is None
    assert [mark.name for mark in marking.glob("*.mark")] == ["marked.mark"]
    assert audit({"class": "marked.inner.Model"}, Allowed(("marked.*",)), document, ())[0] is None
    assert [mark.name for mark in marking.glob("*.mark")] == ["marked.mark"]  # it does not import its inner module
    tree, problems = audit(value, Allowed(("marker.*",)), document, ())
    assert problems == []
    assert tree is not None
    for mark in marking.glob("*.mark"):
        mark.unlink()


names = st.lists(
    st.sampled_from(
        ["sklearn", "tree", "SVC", "os", "system", "marker", "marked", "inner", "Model", "__init__", "", "*"]
    )
    | st.text(max_size=4),
    max_size=5,
).map(".".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | names


def trees(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["class", "params", "estimator", "steps", "memory", "param_grid"]) | st.text(max_size=3)
    return st.lists(values, max_size=3) | st.dictionaries(keys, values, max_size=3)


anything = st.recursive(scalars, trees, max_leaves=12)


def _complains(act: Callable[[], Any]) -> None:
    with nothing_done():
        tree, problems = act()
    assert (tree is None) is bool(problems)
    assert all(problem.message for problem in problems)


@shortly_and_for_long
def test_audit_of_anything_returns_or_complains_and_does_nothing(examples: int) -> None:
    holds(
        examples,
        lambda value, allowed: _complains(lambda: audit(value, allowed, Document(value, "a.yaml"), ())),
        anything,
        st.sampled_from(LISTS),
    )


@shortly_and_for_long
def test_audit_of_any_name_does_nothing(examples: int) -> None:
    def check(name: str, params: dict[str, Any]) -> None:
        value = {"class": name, "params": params}
        _complains(lambda: audit(value, Allowed(("*",)), Document(value, "a.yaml"), ()))

    holds(examples, check, names, st.dictionaries(st.text(max_size=5), anything, max_size=3))
