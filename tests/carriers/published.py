"""What the carriers have published of their APIs, to hold requests and answers against.

Twilio's OpenAPI files and our schemas of Telnyx and Plivo are large and not ours to ship. They are looked for where
`CALLWARDEN_CARRIER_SCHEMAS` says, or in `../shared/carriers` beside the repository.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from daemon.sandbox.rest import Answer, Asked

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CALLWARDEN_CARRIER_SCHEMAS") or ROOT.parent / "shared" / "carriers")

needs_schemas = pytest.mark.skipif(
    not (FOLDER / "twilio_trunking_v1.json").exists(),
    reason="the carriers' schemas are not here; name their folder in CALLWARDEN_CARRIER_SCHEMAS",
)


@cache
def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return loaded


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))


def complaints(carrier: str, asked: Asked, answer: Answer) -> list[str]:
    """What is wrong with a request, and with the answer it got from our stand-in, by what is published."""
    return _twilio(asked, answer) if carrier == "twilio" else _schema(carrier, asked, answer)


def _twilio(asked: Asked, answer: Answer) -> list[str]:
    for name in ("twilio_trunking_v1.json", "twilio_incoming_phone_numbers.json"):
        document = _load(name)
        for template, item in document["paths"].items():
            operation = item.get(asked.method.lower())
            if operation is not None and _pattern(template).fullmatch(asked.path):
                return [
                    *_twilio_request(document, template, operation, asked),
                    *_twilio_answer(document, operation, answer),
                ]
    return [f"{asked.method} {asked.path} is not published"]


def _twilio_request(document: dict[str, Any], template: str, operation: dict[str, Any], asked: Asked) -> list[str]:
    found = []
    parameters = {entry["name"]: entry for entry in operation.get("parameters", [])}
    names = re.findall(r"\{(\w+)\}", template)
    values = re.fullmatch(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(template)), asked.path)
    assert values
    for name, value in zip(names, values.groups(), strict=True):
        found += _errors(document, parameters[name]["schema"], value)
    query = {name: entry["schema"] for name, entry in parameters.items() if entry["in"] == "query"}
    for name, value in asked.query:
        found += _errors(document, query[name], _typed(query[name], value)) if name in query else [f"query {name}?"]
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return [*found, *(["a body?"] if asked.body else [])]
    (kind,) = content
    if asked.headers.get("content-type") != kind:
        found.append(f"content-type {asked.headers.get('content-type')}")
    schema = content[kind]["schema"]
    fields = {name: _typed(schema["properties"].get(name, {}), value) for name, value in asked.form.items()}
    return [*found, *_errors(document, {**schema, "additionalProperties": False}, fields)]


def _typed(schema: Mapping[str, Any], text: str) -> object:
    """A form or query value as what it stands for; what does not stand for it stays a text, and is complained of."""
    match schema.get("type"):
        case "integer" if re.fullmatch(r"-?[0-9]+", text):
            return int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
    return text


def _twilio_answer(document: dict[str, Any], operation: dict[str, Any], answer: Answer) -> list[str]:
    if answer.status >= 400:
        return []
    response = operation["responses"].get(str(answer.status))
    if response is None:
        return [f"HTTP {answer.status}"]
    content = response.get("content", {}).get("application/json")
    return _errors(document, content["schema"], answer.body) if content else []


def _errors(document: dict[str, Any], schema: Mapping[str, Any], value: object) -> list[str]:
    rooted = {**_nullable(schema), "components": _nullable(document["components"])}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(rooted).iter_errors(value)]


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_nullable(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _nullable(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True:
        return {"anyOf": [inner, {"type": "null"}]}
    return inner


def _schema(carrier: str, asked: Asked, answer: Answer) -> list[str]:
    document = _load(f"{carrier}.schema.json")
    path = re.sub(r"^/v1/Account/[^/]+|^/v2", "", asked.path)
    for operation in document["x-operations"].values():
        if operation["method"] == asked.method and _pattern(operation["path"]).fullmatch(path):
            return _operation(document, operation, asked, answer)
    return [f"{asked.method} {path} is not published"]


def _operation(document: dict[str, Any], operation: dict[str, Any], asked: Asked, answer: Answer) -> list[str]:
    found = []
    if operation.get("query") or asked.query:
        properties = document["$defs"][operation["query"]]["properties"] if operation.get("query") else {}
        query = {name: _typed(properties.get(name, {}), value) for name, value in asked.query}
        found += _against(document, operation.get("query"), query)
    if operation.get("request") or asked.body:
        found += _against(document, operation.get("request"), json.loads(asked.body))
        found += [] if asked.headers.get("content-type") == "application/json" else ["content-type"]
    if answer.status in operation["success"]:
        return [*found, *(_against(document, operation["response"], answer.body) if operation.get("response") else [])]
    return [*found, *_against(document, "ErrorResponse", answer.body)]


def _against(document: dict[str, Any], name: str | None, value: object) -> list[str]:
    if name is None:
        return ["nothing of the kind is published"]
    validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": document["$defs"]})
    return [f"{name} {error.json_path}: {error.message}" for error in validator.iter_errors(value)]
