"""The description of the control API, OpenAPI 3.1, made from the endpoints and the records they take and give.

So it can't say anything else than the code does. Plain; imports msgspec and this room.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import msgspec

from daemon import __version__
from daemon.core.incoming import CALL_ID
from daemon.core.journal import Record
from daemon.operate.endpoints import Endpoint
from daemon.operate.events import lost_schema
from daemon.operate.problems import MEDIA_TYPE, Problem

_REF = "#/components/schemas/{name}"
_WORDS = {
    400: "The body is not JSON",
    401: "No token, or a wrong one; over TCP only",
    403: "Asked for by a page of another site",
    404: "No such call in progress here, or no such destination",
    405: "Not with this method",
    408: "The body came too slowly",
    409: "Not as things are",
    413: "The body is too large",
    415: "The body is not said to be JSON",
    421: "Not addressed to this machine; over TCP only",
    422: "The body, or the configuration, is wrong",
}
_EVERYWHERE = (401, 403, 405, 421)
_WITH_BODY = (400, 408, 413, 415, 422)

Json = dict[str, Any]


def describe(endpoints: Sequence[Endpoint]) -> Json:
    """Make the whole document."""
    records: set[type[msgspec.Struct]] = {Problem, Record}
    for endpoint in endpoints:
        records |= {endpoint.gives} | ({endpoint.takes} if endpoint.takes else set())
    _, components = msgspec.json.schema_components(sorted(records, key=lambda each: each.__name__), ref_template=_REF)
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    paths |= _texts()
    bearer = {"type": "http", "scheme": "bearer", "description": "[operator] token. Not on the Unix socket."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callwarden's control API",
            "version": __version__,
            "description": "Look at a running daemon and act on its calls, over its Unix socket or on loopback.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"bearer": bearer}},
    }


def _operation(endpoint: Endpoint) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": {
            "200": {"description": _first_line(endpoint.gives), "content": _content(endpoint.gives)},
            **_problems((*_EVERYWHERE, *endpoint.errors, *(_WITH_BODY if endpoint.takes else ()))),
        },
    }
    if endpoint.of_a_call:
        schema = {"type": "string", "pattern": f"^{CALL_ID}$"}
        operation["parameters"] = [{"name": "call_id", "in": "path", "required": True, "schema": schema}]
    if endpoint.takes is not None:
        operation["requestBody"] = {"required": endpoint.required, "content": _content(endpoint.takes)}
    return operation


def _texts() -> Json:
    """What is not JSON, and the document itself."""
    flag = {"type": "string", "enum": ["true", "false"]}
    events = [
        _query("call", {"type": "string", "pattern": f"^{CALL_ID}$"}, "Only events of this call"),
        _query("replay", flag, "Begin with the oldest event that is still remembered"),
        _query("wait", flag, "With false: end after what there is"),
        {
            "name": "Last-Event-ID",
            "in": "header",
            "schema": {"type": "string"},
            "description": "Go on after this event",
        },
    ]
    how = (
        "Server-sent events. The data of each is a Record; its event name is the entry's kind. "
        "An event `lost` says how many events a slow client has missed."
    )
    stream = {"text/event-stream": {"schema": {"type": "string"}}}
    return {
        "/v1/events": {"get": _text("events", "What happens in calls, as it happens", stream, how, events)},
        "/metrics": {"get": _text("metrics", "Metrics for Prometheus", {"text/plain": {"schema": {"type": "string"}}})},
        "/openapi.json": {
            "get": _text("openapi", "This document", {"application/json": {"schema": {"type": "object"}}})
        },
    }


def _text(name: str, summary: str, content: Json, how: str = "", parameters: Sequence[Json] = ()) -> Json:
    responses = {"200": {"description": how or summary, "content": content}, **_problems(_EVERYWHERE)}
    operation: Json = {"operationId": name, "summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = list(parameters)
        operation["x-event-lost"] = lost_schema()
    return operation


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _problems(statuses: Sequence[int]) -> Json:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {str(status): {"description": _WORDS[status], "content": content} for status in sorted(set(statuses))}


def _content(record: type[msgspec.Struct]) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(name=record.__name__)}}}


def _first_line(record: type[msgspec.Struct]) -> str:
    return (inspect.getdoc(record) or "").splitlines()[0]
