"""Loading a version back: ours, with the same answers; and nothing that could bring code of its own."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import skops.io
import yaml
from mlflow.exceptions import MlflowException
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.estimators import build
from dropforge.registry import Store
from dropforge.registry.models import load
from dropforge.training.fit import fit
from tests.dropforge.wine import FOREST, STUMP, TREE, WINE, candidate, register_copy, version_of


class Foreign(DecisionTreeClassifier):
    """A class that scikit-learn does not define."""


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def trust(folder: Path, *types: str, serialization_format: str = "skops", file: str = "model.skops") -> None:
    """Have the model's own MLmodel file vouch for types."""
    path = folder / "MLmodel"
    content = yaml.safe_load(path.read_text())
    content["flavors"]["sklearn"] |= {
        "skops_trusted_types": list(types),
        "serialization_format": serialization_format,
        "pickled_model": file,
    }
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(("number", "config"), [(1, STUMP), (2, TREE), (3, FOREST)])
def test_version_answers_as_the_estimator_that_was_trained(
    store: Store, rows: Rows, number: int, config: bytes
) -> None:
    trained = fit(build(candidate(config).estimator, WINE.data.split.seed), rows, "").estimator
    loaded = load(store, version_of(store, number))
    np.testing.assert_array_equal(loaded.estimator.predict_proba(rows.features), trained.predict_proba(rows.features))
    np.testing.assert_array_equal(loaded.pyfunc.predict(rows.features), trained.predict(rows.features))


def test_version_comes_with_its_signature_and_example(store: Store, rows: Rows) -> None:
    loaded = load(store, version_of(store, 2))
    assert loaded.signature is not None
    assert loaded.signature.inputs.input_names() == list(rows.features)
    assert list(loaded.example) == list(rows.features)
    assert loaded.version.version == "2"


def test_signature_is_enforced(store: Store, rows: Rows) -> None:
    loaded = load(store, version_of(store, 2))
    with pytest.raises(MlflowException, match="missing inputs"):
        loaded.pyfunc.predict(rows.features.drop(columns="alcohol"))


def test_pickled_model_is_refused_and_never_unpickled(store: Store, tmp_path: Path) -> None:
    version, folder = register_copy(store, 2, tmp_path / "copy")
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "owned")))
    trust(folder, serialization_format="cloudpickle", file="model.pkl")
    with pytest.raises(UserError, match="version 4 of 'wine' cannot be loaded: it is not stored in skops format"):
        load(store, version)
    assert not (tmp_path / "owned").exists()


def test_pickle_that_says_it_is_skops_is_refused_and_never_unpickled(store: Store, tmp_path: Path) -> None:
    version, folder = register_copy(store, 2, tmp_path / "copy")
    (folder / "model.skops").write_bytes(pickle.dumps(Payload(tmp_path / "owned")))
    with pytest.raises(UserError, match="its artifact is damaged"):
        load(store, version)
    assert not (tmp_path / "owned").exists()


def test_foreign_class_is_refused_though_the_model_file_trusts_it(
    store: Store, rows: Rows, tmp_path: Path
) -> None:  # GHSA-w582-9x45-8mpx
    version, folder = register_copy(store, 2, tmp_path / "copy")
    name = f"{__name__}.Foreign"
    skops.io.dump(Foreign().fit(*rows.part("train")), folder / "model.skops")
    trust(folder, name)
    with pytest.raises(UserError, match=rf"types that are not trusted: {name}"):
        load(store, version)


def test_function_is_refused_though_the_model_file_trusts_it(store: Store, rows: Rows, tmp_path: Path) -> None:
    version, folder = register_copy(store, 2, tmp_path / "copy")
    model = make_pipeline(FunctionTransformer(os.system), DecisionTreeClassifier())
    skops.io.dump(model, folder / "model.skops")
    untrusted = skops.io.get_untrusted_types(file=folder / "model.skops")
    trust(folder, *untrusted)
    with pytest.raises(UserError, match=r"types that are not trusted: .*system"):
        load(store, version)


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, content: bytes) -> Callable[[Path], int]:
    return lambda folder: (folder / name).write_bytes(content)


def _halve(folder: Path) -> None:
    content = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(content[: len(content) // 2])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no folder": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "no MLmodel": _drop("MLmodel"),
    "no model": _drop("model.skops"),
    "no example": _drop("input_example.json"),
    "MLmodel is no YAML": _write("MLmodel", b": : ["),
    "MLmodel is no mapping": _write("MLmodel", b"hello"),
    "MLmodel is empty": _write("MLmodel", b""),
    "model is no archive": _write("model.skops", b"junk"),
    "model is cut off": _halve,
    "example is no JSON": _write("input_example.json", b"junk"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_artifact_is_a_message_that_names_the_version(
    store: Store, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    version, folder = register_copy(store, 2, tmp_path / "copy")
    damage(folder)
    with pytest.raises(UserError, match=r"version 4 of 'wine' cannot be loaded: .*(gone|damaged)") as raised:
        load(store, version)
    assert "Train it again" in raised.value.problems[0].remedy


def test_deleted_version_is_a_message(store: Store) -> None:
    version = version_of(store, 1)
    store.client.delete_model_version("wine", "1")
    with pytest.raises(UserError, match="gone"):
        load(store, version)


def test_store_that_does_not_answer_is_no_fault_of_the_version(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    version = version_of(store, 1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(MlflowException):
        load(Store("http://127.0.0.1:9"), version)


API = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def artifacts(tmp_path: Path) -> Iterator[str]:
    """The address of an artifact server, as MLflow's is with --serve-artifacts, over a folder."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == API:
                folder = tmp_path / parse_qs(url.query)["path"][0]
                files = [{"path": file.name, "is_dir": file.is_dir()} for file in folder.iterdir()]
                content = json.dumps({"files": files}).encode()
            else:
                content = (tmp_path / url.path.removeprefix(f"{API}/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{API}"
        server.shutdown()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_version_that_comes_over_http_leaves_nothing_behind(
    store: Store, rows: Rows, tmp_path: Path, artifacts: str, temporary: Path
) -> None:
    original, _ = register_copy(store, 2, tmp_path / "copy")
    number = store.create_version("wine", f"{artifacts}/copy", str(original.run_id), "", original.tags)
    loaded = load(store, version_of(store, number))
    assert list(temporary.iterdir()) == []
    expected = load(store, original).pyfunc.predict(rows.features)
    np.testing.assert_array_equal(loaded.pyfunc.predict(rows.features), expected)
    assert list(loaded.example) == list(rows.features)
    (tmp_path / "copy" / "model.skops").write_bytes(b"junk")
    with pytest.raises(UserError, match="damaged"):
        load(store, version_of(store, number))
    assert list(temporary.iterdir()) == []


def test_version_on_this_machine_is_not_copied(store: Store, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copied(*_: object, **__: object) -> None:
        raise AssertionError("a file is copied")

    for name in ("copyfile", "copy2", "copytree"):
        monkeypatch.setattr(f"shutil.{name}", copied)
    assert load(store, version_of(store, 2)).version.version == "2"
    assert list(temporary.iterdir()) == []
