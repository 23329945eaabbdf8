"""The OpenAPI document: what each model takes is typed by its signature, with an example that works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dropforge.serving import inference
from dropforge.serving.columns import LARGEST, LARGEST_WHOLE, Column, Columns
from dropforge.serving.errors import JSON, SCHEMA
from dropforge.serving.models import Served
from dropforge.serving.reading import CSV

_NUMBER = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
_WHOLE = {"type": "integer", "minimum": -LARGEST_WHOLE, "maximum": LARGEST_WHOLE}
_TYPES: Mapping[str, dict[str, Any]] = {
    "double": _NUMBER, "float": _NUMBER, "long": _WHOLE, "integer": _WHOLE,
    "boolean": {"type": "boolean"}, "string": {"type": "string"},
}  # fmt: skip
_CELLS = {
    "double": "-?[0-9]{1,9}([.][0-9]{1,9})?", "float": "-?[0-9]{1,9}([.][0-9]{1,9})?",
    "long": "-?[0-9]{1,9}", "integer": "-?[0-9]{1,9}", "boolean": "(True|False)",
}  # fmt: skip
_GROUPS = {
    "any pipeline": "The same for each pipeline",
    "models": "What is served",
    "health": "For what watches over the server",
    "promotion": "What a promotion asks of the server",
}
_REFUSED = {"description": "Refused", "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
_PROBABILITIES = {
    "name": "probabilities", "in": "query", "required": False, "schema": {"type": "boolean"},
    "description": "Whether to answer with probabilities as well.",
}  # fmt: skip
_EXTRA = {
    "name": "extra", "in": "query", "required": False, "schema": {"type": "string", "enum": ["refuse", "ignore"]},
    "description": "What becomes of columns that the model lacks.",
}  # fmt: skip
_NAMED = {"name": "pipeline", "in": "path", "required": True, "schema": {"type": "string"}}
_ANSWER = {
    "type": "object",
    "properties": {
        "predictions": {"type": "array", "description": "A label for each row."},
        "classes": {"type": "array", "description": "The labels in the order of the probabilities."},
        "probabilities": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    },
    "required": ["predictions"],
}
_VERSIONED = {"X-Model-Version": {"description": "The version that answered.", "schema": {"type": "string"}}}


def document(base: dict[str, Any], served: Mapping[str, Served], generic: Iterable[tuple[str, str, str]]) -> Any:
    """Return the whole document.

    Parameters
    ----------
    base : dict
        FastAPI's, of the routes that are its own.
    served : mapping
        The versions that answer, by pipeline.
    generic : iterable
        Path, method and summary of the routes that are not FastAPI's.
    """
    paths = base["paths"]
    for path, method, summary in generic:
        paths.setdefault(path, {})[method.lower()] = _generic(path, method, summary)
    if len(served) == 1:
        ((name, version),) = served.items()
        paths["/invocations"] = {"post": _invocations(name, version) | {"operationId": "invocations"}}
    for name, version in served.items():
        paths[f"/models/{name}/invocations"] = {"post": _invocations(name, version)}
        paths[f"/v2/models/{name}/infer"] = {"post": _inference(name, version)}
    if served:
        _exemplify([path["get"] for path in paths.values() if "get" in path], *next(iter(served.items())))
    for operation in (operation for path in paths.values() for operation in path.values()):
        responses = operation["responses"]
        responses.pop("422", None)  # FastAPI's own shape, which is not ours
        responses["default"] = _REFUSED
    schemas = base.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = SCHEMA
    # The order in which the page shows them: what people come for is first.
    base["tags"] = [
        *({"name": name, "description": f"Version {version.version.version}"} for name, version in served.items()),
        *({"name": name, "description": about} for name, about in _GROUPS.items()),
    ]
    schemas["Predictions"] = _ANSWER
    return base


def _exemplify(operations: Iterable[dict[str, Any]], name: str, version: Served) -> None:
    """Fill in a pipeline and its version where a path asks for them: what is tried out on the page then answers."""
    known = {"pipeline": name, "version": version.version.version}
    for parameter in (parameter for operation in operations for parameter in operation.get("parameters", ())):
        if parameter["in"] == "path":
            parameter["example"] = known[parameter["name"]]


def _generic(path: str, method: str, summary: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": ["any pipeline"],
        "summary": summary,
        "parameters": [_NAMED | {"name": name} for name in re.findall(r"{(\w+)}", path)],
        "responses": {"200": {"description": "Answered", "content": {JSON: {"schema": {"type": "object"}}}}},
    }
    if method == "POST":
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    return operation


def _invocations(name: str, served: Served) -> dict[str, Any]:
    columns = served.predictor.columns
    split, records = _examples(served)
    row = {
        "type": "object",
        "properties": {column.name: _value(column) for column in columns.columns},
        "required": list(columns.names),
        "additionalProperties": False,
    }
    values = {"type": "array", "prefixItems": [_value(column) for column in columns.columns],
              "minItems": len(columns.names), "maxItems": len(columns.names)}  # fmt: skip
    keys = {
        "dataframe_split": {
            "type": "object",
            "properties": {"columns": {"const": list(columns.names)},
                           "data": {"type": "array", "items": values, "minItems": 1}},
            "required": ["data"], "additionalProperties": False,
        },
        "dataframe_records": {"type": "array", "items": row, "minItems": 1},
        "instances": {"type": "array", "items": {"anyOf": [row, values]}, "minItems": 1},
        "inputs": {"type": "array", "items": {"anyOf": [row, values]}, "minItems": 1,
                   "description": "Or an object with a list of values for each column."},
    }  # fmt: skip
    params = {
        "type": "object",
        "properties": {"probabilities": {"type": "boolean"}},
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "oneOf": [
            {"properties": {key: about, "params": params}, "required": [key], "additionalProperties": False}
            for key, about in keys.items()
        ],
    }
    examples = {
        "dataframe_split": {"value": {"dataframe_split": split}},
        "dataframe_records": {"value": {"dataframe_records": records}},
    }
    if served.predictor.classes is not None:
        examples["with probabilities"] = {"value": {"dataframe_split": split, "params": {"probabilities": True}}}
    return {
        "tags": [name],
        "summary": f"Predict with {name} (MLflow's scoring protocol)",
        "operationId": f"invocations_{name}",
        "parameters": [_PROBABILITIES, _EXTRA],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": schema, "examples": examples},
                CSV: {
                    "schema": {"type": "string", "pattern": _csv(columns)},
                    "example": served.loaded.example.head(2).to_csv(index=False),
                },
            },
        },
        "responses": {
            "200": {
                "description": "Predicted",
                "headers": _VERSIONED,
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/Predictions"}}},
            }
        },
    }


def _inference(name: str, served: Served) -> dict[str, Any]:
    split, _ = _examples(served)
    about = inference.describe(name, served.version.version, served.predictor)
    columns = served.predictor.columns.columns
    tensors = [
        {
            "type": "object",
            "properties": {
                "name": {"const": column.name}, "datatype": {"const": given["datatype"]}, "shape": {"const": [1]},
                "data": {"type": "array", "items": _value(column), "minItems": 1, "maxItems": 1},
            },
            "required": ["name", "datatype", "shape", "data"],
            "additionalProperties": False,
        }
        for column, given in zip(columns, about["inputs"], strict=True)
    ]  # fmt: skip
    output = {
        "type": "object",
        "properties": {"name": {"enum": [output["name"] for output in about["outputs"]]}},
        "required": ["name"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "prefixItems": tensors, "minItems": len(tensors), "maxItems": len(tensors)},
            "outputs": {"type": "array", "items": output},
        },
        "required": ["inputs"],
        "additionalProperties": False,
        "description": "A row, as a tensor for each column. More rows, their order, one matrix and binary data are "
        "taken as well: see the reference.",
    }
    inputs = [
        {"name": given["name"], "datatype": given["datatype"], "shape": [1], "data": [value]}
        for given, value in zip(about["inputs"], split["data"][0], strict=True)
    ]
    return {
        "tags": [name],
        "summary": f"Predict with {name} (Open Inference Protocol)",
        "operationId": f"infer_{name}",
        "requestBody": {"required": True, "content": {JSON: {"schema": schema, "example": {"inputs": inputs}}}},
        "responses": {
            "200": {
                "description": "Predicted",
                "headers": _VERSIONED,
                "content": {
                    JSON: {"schema": {"type": "object", "required": ["model_name", "model_version", "outputs"]}}
                },
            }
        },
    }


def _value(column: Column) -> dict[str, Any]:
    found = dict(_TYPES.get(column.kind, {}))
    if column.nullable and "type" in found:
        found["type"] = [found["type"], "null"]
    return found


def _csv(columns: Columns) -> str:
    """Return the pattern of a CSV: the line of names, then lines of values."""
    head = ",".join(columns.names)
    cells = ",".join(_CELLS.get(column.kind, "[a-z]{1,9}") for column in columns.columns)
    return f"^{re.escape(head)}\n({cells}\n)+$"


def _examples(served: Served) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the rows that were logged with a version, in two shapes; JSON knows no NaN."""
    rows = served.loaded.example.head(2)
    split = json.loads(rows.to_json(orient="split", index=False, double_precision=15))
    return {"columns": split["columns"], "data": split["data"]}, [
        dict(zip(split["columns"], row, strict=True)) for row in split["data"]
    ]
