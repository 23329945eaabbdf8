"""The protocols as real clients speak them, with MLflow's own server as the measure of what is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from tritonclient.utils import InferenceServerException

from dropforge.data import Rows
from dropforge.serving.app import create_app
from dropforge.serving.predictions import VERSION_HEADER
from tests.dropforge.servers import fixed, running
from tests.dropforge.serving.asking import assert_refused
from tests.dropforge.serving.memory import place, version


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    """A table of every kind of column that a table of numbers and texts has, with gaps."""
    return pd.DataFrame({
        "price": [1.5, 2.5, None, 4.5, 5.5, 6.5],
        "count": [1, 2, 3, 4, 5, 6],
        "member": [True, False, True, False, True, False],
        "city": ["Bern", "Rom", "Bern", None, "Rom", "Bern"],
    })  # fmt: skip


class ByText(DecisionTreeClassifier):
    """A model of texts and gaps."""

    def _numbers(self, rows: pd.DataFrame) -> np.ndarray:
        assert list(rows) == ["price", "count", "member", "city"]
        city = rows["city"].map({"Bern": 0, "Rom": 1}).fillna(-1)
        return np.column_stack([rows["price"].fillna(-1), rows["count"], rows["member"], city]).astype(float)

    def fit(self, rows: pd.DataFrame, labels: Any) -> ByText:
        """Fit."""
        return super().fit(self._numbers(rows), labels)

    def predict(self, rows: pd.DataFrame, check_input: bool = True) -> Any:
        """Predict."""
        return super().predict(self._numbers(rows), check_input)

    def predict_proba(self, rows: pd.DataFrame, check_input: bool = True) -> Any:
        """Predict."""
        return super().predict_proba(self._numbers(rows), check_input)


@pytest.fixture(scope="module")
def models(rows: Rows, mixed: pd.DataFrame) -> dict[str, Any]:
    """The versions that are served."""
    features, target = rows.part("train")
    whole = (features * 10).round().astype("int64")
    named = target.map({0: "red", 1: "white", 2: "rosé"})
    return {
        "linear": version(LogisticRegression(max_iter=200).fit(features, target), features.head(3), "linear"),
        "named": version(DecisionTreeClassifier().fit(features, named), features.head(3), "named", "7"),
        "gaps": version(HistGradientBoostingClassifier(max_iter=5).fit(features, target), features.head(3), "gaps"),
        "whole": version(DecisionTreeClassifier().fit(whole, target), whole.head(3), "whole"),
        "mixed": version(ByText().fit(mixed, [0, 1, 0, 1, 2, 2]), mixed, "mixed"),
    }


@pytest.fixture(scope="module")
def address(models: dict[str, Any]) -> Iterator[str]:
    """A server of them all."""
    served = {name: place(loaded) for name, loaded in models.items()}
    with running(create_app(fixed(served), follow_seconds=3600)) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    """Its client."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def theirs(models: dict[str, Any]) -> dict[str, TestClient]:
    """What `mlflow models serve` runs, for each version."""
    return {name: TestClient(scoring_server.init(loaded.pyfunc)) for name, loaded in models.items()}


def tables(models: dict[str, Any], rows: Rows, mixed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows for each."""
    features = rows.features.head(8)
    return dict.fromkeys(("linear", "named", "gaps"), features) | {
        "whole": (features * 10).round().astype("int64"), "mixed": mixed,
    }  # fmt: skip


def bodies(table: pd.DataFrame) -> dict[str, Any]:
    """Every form of MLflow's protocol; JSON has null for a gap."""
    plain = table.astype(object).where(table.notna(), None)
    return {
        "dataframe_split": plain.to_dict(orient="split", index=False),
        "dataframe_split with index": plain.to_dict(orient="split"),
        "dataframe_records": plain.to_dict(orient="records"),
        "inputs": plain.to_dict(orient="list"),
        "instances": plain.to_dict(orient="records"),
    }


@pytest.mark.parametrize("name", ["linear", "named", "gaps", "whole", "mixed"])
def test_answers_are_those_of_mlflow_models_serve(
    name: str, client: httpx.Client, theirs: dict[str, TestClient], models: dict[str, Any], rows: Rows,
    mixed: pd.DataFrame,
) -> None:  # fmt: skip
    table = tables(models, rows, mixed)[name]
    path = f"/models/{name}/invocations"
    for form, body in bodies(table).items():
        content = {form.partition(" ")[0]: body}
        expected = theirs[name].post("/invocations", json=content)
        found = client.post(path, json=content)
        if name == "mixed" and form in ("inputs", "instances") and not expected.is_success:
            # MLflow makes texts of a gap there, or refuses it.
            assert found.is_success
            continue
        assert expected.is_success, expected.text
        assert found.json() == expected.json(), form
    csv = table.to_csv(index=False)
    headers = {"content-type": "text/csv"}
    expected = theirs[name].post("/invocations", content=csv, headers=headers)
    assert client.post(path, content=csv, headers=headers).json() == expected.json()


def test_mlflows_scoring_client_speaks_to_it(models: dict[str, Any], rows: Rows) -> None:
    served = {"named": place(models["named"])}
    with running(create_app(fixed(served), follow_seconds=3600)) as alone:
        client = ScoringServerClient(*alone.removeprefix("http://").split(":"))
        client.wait_server_ready()
        assert client.get_version()
        expected = models["named"].estimator.predict(rows.features).tolist()
        assert client.invoke(rows.features).get_predictions()[0].tolist() == expected
        assert client.invoke(rows.features.to_numpy())["predictions"] == expected
        assert client.invoke(rows.features, params={"probabilities": True})["classes"] == ["red", "rosé", "white"]


def test_gap_that_a_client_writes_as_nan_is_one(client: httpx.Client, models: dict[str, Any], rows: Rows) -> None:
    table = rows.features.head(2).copy()
    table.iloc[0, 0] = None
    content = json.dumps({"dataframe_split": table.to_dict(orient="split", index=False)})
    assert "NaN" in content
    answer = client.post("/models/gaps/invocations", content=content, headers={"content-type": "application/json"})
    assert answer.json()["predictions"] == models["gaps"].estimator.predict(table).tolist()
    refused = client.post("/models/linear/invocations", content=content, headers={"content-type": "application/json"})
    assert_refused(refused, 400, "the value is missing")
    assert (refused.json()["field"], refused.json()["row"]) == ("alcohol", 0)


@pytest.mark.parametrize("how", ["params", "address"])
def test_probabilities_come_where_they_are_asked_for(
    how: str, client: httpx.Client, models: dict[str, Any], rows: Rows
) -> None:
    table = rows.features.head(4)
    content: dict[str, Any] = {"dataframe_split": table.to_dict(orient="split", index=False)}
    address = "/models/linear/invocations"
    assert set(client.post(address, json=content).json()) == {"predictions"}
    if how == "params":
        content["params"] = {"probabilities": True}
    else:
        address += "?probabilities=true"
    answer = client.post(address, json=content).json()
    assert answer["classes"] == [0, 1, 2]
    own = models["linear"].estimator.predict_proba(table)
    np.testing.assert_allclose(answer["probabilities"], own, rtol=0, atol=1e-12)


# The Open Inference Protocol, by a published client


@pytest.fixture(scope="module")
def inference(address: str) -> Iterator[triton.InferenceServerClient]:
    """NVIDIA's client."""
    client = triton.InferenceServerClient(address.removeprefix("http://"))
    yield client
    client.close()


def tensor(name: str, values: np.ndarray, datatype: str, binary: bool) -> triton.InferInput:
    """Return an input with its values."""
    found = triton.InferInput(name, list(values.shape), datatype)
    found.set_data_from_numpy(values, binary_data=binary)
    return found


def test_open_inference_client_sees_what_is_there(inference: triton.InferenceServerClient) -> None:
    assert inference.is_server_live()
    assert inference.is_server_ready()
    assert inference.is_model_ready("named")
    assert inference.is_model_ready("named", "7")
    assert not inference.is_model_ready("named", "8")
    assert inference.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    about = inference.get_model_metadata("named")
    assert (about["name"], about["versions"]) == ("named", ["7"])
    assert about["inputs"][0] == {"name": "alcohol", "datatype": "FP64", "shape": [-1]}
    assert [output["name"] for output in about["outputs"]] == ["predict", "predict_proba"]
    with pytest.raises(InferenceServerException, match="there is no pipeline 'beer' here"):
        inference.get_model_metadata("beer")


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_open_inference_client_gets_labels_and_probabilities(
    binary: bool, inference: triton.InferenceServerClient, models: dict[str, Any], rows: Rows
) -> None:
    table = rows.features.head(5)
    matrix = [tensor("rows", table.to_numpy(), "FP64", binary)]
    columns = [tensor(name, values.to_numpy(), "FP64", binary) for name, values in table.items()]
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("predict", "predict_proba")]
    for name in ("linear", "named"):
        own = models[name].estimator
        for inputs in (matrix, columns, columns[::-1]):
            answer = inference.infer(name, inputs, outputs=outputs, request_id="r1")
            labels = [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("predict")]
            assert labels == own.predict(table).tolist()
            np.testing.assert_allclose(answer.as_numpy("predict_proba"), own.predict_proba(table), rtol=0, atol=1e-12)
            assert answer.get_response()["id"] == "r1"
            assert answer.get_response()["model_version"] == models[name].version.version
        assert inference.infer(name, matrix).as_numpy("predict_proba") is None  # not asked for


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_open_inference_client_sends_texts_and_truths(
    binary: bool, inference: triton.InferenceServerClient, models: dict[str, Any], mixed: pd.DataFrame
) -> None:
    table = mixed.dropna()
    inputs = [
        tensor("price", table["price"].to_numpy(), "FP64", binary),
        tensor("count", table["count"].to_numpy(), "INT64", binary),
        tensor("member", table["member"].to_numpy(), "BOOL", binary),
        tensor("city", table["city"].to_numpy(dtype=object), "BYTES", binary),
    ]
    answer = inference.infer("mixed", inputs)
    assert answer.as_numpy("predict").tolist() == models["mixed"].estimator.predict(table).tolist()


def one(name: str = "rows", shape: Any = (1, 13), datatype: str = "FP64", **more: Any) -> Any:
    """Return a request of one tensor."""
    more.setdefault("data", [1.0] * 13)
    return {"inputs": [{"name": name, "shape": list(shape), "datatype": datatype, **more}]}


@pytest.mark.parametrize(
    ("content", "words", "field"),
    [
        ({}, ["missing required field `inputs`"], None),
        ([], ["Expected `object`, got `array`"], None),
        ({"inputs": []}, ["the column 'alcohol' is missing"], "alcohol"),
        (one(shape=(1, 12)), ["the shape [1, 12] does not fit 13 values"], "rows"),
        (one(shape=(13,)), ["there is no input 'rows'"], "rows"),
        (one(shape=(1, 1, 13)), ["the shape is not [rows] or [rows, columns]"], "rows"),
        (one(shape=(-1, 13)), ["the shape is not"], "rows"),
        (one(shape=(0, 13), data=[]), ["there are no rows"], None),
        (one(datatype="FP65"), ["the datatype 'FP65' is unknown"], "rows"),
        (one(datatype="INT64", data=[1.5] * 13), ["not of the datatype INT64"], "rows"),
        (one(datatype="UINT8", data=[300] * 13), ["not of the datatype UINT8"], "rows"),
        (one(datatype="BYTES", data=["a"] * 13), ["the input is no number"], "rows"),
        (one(data=[1.0] * 12 + ["x"]), ["not of the datatype FP64"], "rows"),
        (one(data=[1e300] * 13), ["is infinite, or too large"], "alcohol"),
        (one(data=[None] * 13), ["is missing"], "alcohol"),
        (one(parameters={"binary_data_size": 8}), ["'binary_data_size' is not what was sent"], "rows"),
        (one() | {"outputs": [{"name": "logits"}]}, ["there is no output 'logits'"], "logits"),
        (one("alcohol", (1,), data=[1.0]), ["the column 'malic_acid' is missing"], "malic_acid"),
    ],
)
def test_bad_request_for_inference_is_refused_with_field_and_reason(
    content: Any, words: list[str], field: str | None, client: httpx.Client
) -> None:
    answer = client.post("/v2/models/linear/infer", json=content)
    assert_refused(answer, 400, *words)
    assert answer.json()["field"] == field


def test_version_that_does_not_answer_is_unknown(client: httpx.Client) -> None:
    answer = client.post("/v2/models/named/versions/7/infer", json=one())
    assert answer.headers[VERSION_HEADER] == "7"
    for path in ("", "/ready"):
        assert_refused(client.get(f"/v2/models/named/versions/8{path}"), 404, "version 8 does not answer")
    assert_refused(client.post("/v2/models/named/versions/8/infer", json=one()), 404, "Version 7 does")


# The document


def test_examples_of_the_document_work(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    tried = 0
    for path, operations in document["paths"].items():
        for kind, content in operations.get("post", {}).get("requestBody", {}).get("content", {}).items():
            examples = [example["value"] for example in content.get("examples", {}).values()]
            for example in [*examples, *([content["example"]] if "example" in content else [])]:
                body = example if isinstance(example, str) else json.dumps(example)
                answer = client.post(path, content=body, headers={"content-type": kind})
                assert answer.is_success, answer.text
                tried += 1
    assert tried == 5 * 5  # three in JSON and one in CSV for MLflow's protocol, one for the other; five models


def test_paths_of_the_document_can_be_tried_out_as_they_are_filled_in(client: httpx.Client) -> None:
    tried = set()
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        if "{" in path and "get" in operations:
            asked = [given for given in operations["get"]["parameters"] if given["in"] == "path"]
            values = {given["name"]: given["example"] for given in asked}
            assert client.get(path.format(**values)).is_success
            tried.add(path)
    assert {"/models/{pipeline}", "/v2/models/{pipeline}/versions/{version}/ready"} < tried


def test_document_types_each_column(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    content = paths["/models/mixed/invocations"]["post"]["requestBody"]["content"]["application/json"]
    records = content["schema"]["oneOf"][1]["properties"]["dataframe_records"]
    kinds = {name: about["type"] for name, about in records["items"]["properties"].items()}
    assert kinds == {
        "price": ["number", "null"], "count": "integer", "member": "boolean", "city": ["string", "null"],
    }  # fmt: skip
