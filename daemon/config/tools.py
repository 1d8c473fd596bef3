"""Tools as records: what an agent can do besides talking, tagged by `type`.

To add a type of tool, add a record with its tag and put it into `Tool`; the decoder learns of it from there. Owned by
the configuration room and read by all; imports msgspec, functions and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from daemon.config.checks import distinct
from daemon.config.kinds import (
    Check,
    Duration,
    Example,
    FunctionReference,
    HeaderName,
    HeaderValue,
    JsonPointer,
    Parameters,
    PrivatePlace,
    ResponseSize,
    ToolBody,
    ToolTimeout,
    ToolUrl,
)
from daemon.config.searches import PlatformTool
from daemon.functions.signature import Function


class HttpTool(Struct, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """`[tools.NAME]` with `type = "http"`: a request to a server of the operator's."""

    description: Annotated[str, Meta(min_length=1), Example('description = "What it does, and when to use it."')]
    """What the model is told of it: what it does, and when to use it. Required."""
    url: Annotated[ToolUrl, Example('url = "https://api.example.com/orders/{order}"')]
    """Where the request goes; `{name}` in path or query stands for an argument. Required."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """Method of the request."""
    parameters: Parameters = field(default_factory=lambda: {"type": "object", "properties": {}})
    """What the model has to give; once loaded, always the JSON Schema of an object."""
    headers: dict[HeaderName, HeaderValue] = field(default_factory=dict)
    """Headers of the request; references to secrets in them are filled in."""
    body: ToolBody = "auto"
    """`json` for the arguments that are not in the URL, as an object; `none`; a table, with `{name}` in its texts; or
    `auto`: json with POST, PUT and PATCH, none with GET and DELETE."""
    timeout: ToolTimeout = 10.0
    """Seconds for all of it, retries included."""
    idempotent: bool = False
    """Whether doing it twice is as good as once, so that it may be tried again, also after a crash."""
    retries: Annotated[int, Meta(ge=0, le=5)] = 0
    """Further attempts when the server is not reached or fails; only if it is idempotent."""
    max_response: ResponseSize = 64 * 1024
    """Bytes of the answer beyond which it is given up."""
    result: JsonPointer = ""
    """Which part of the JSON answer the model gets, as a JSON Pointer; empty for all of it."""
    allow_private: Annotated[tuple[PrivatePlace, ...], Check(distinct)] = ()
    """Networks, addresses and host names that are not public and may be connected to all the same."""
    filler: str = ""
    """What a caller who waits for it is told; empty for nothing."""
    filler_after: Duration = 2.0
    """Seconds of quiet after which they are told, once."""


class PythonTool(Struct, frozen=True, kw_only=True, tag_field="type", tag="python"):
    """`[tools.NAME]` with `type = "python"`: a function of the operator's, in this process."""

    function: FunctionReference = ""
    """Where the function is, as `package.module:name`. Either this or `file` is required."""
    file: FunctionReference = ""
    """Where the function is, as `folder/file.py:name`, relative to the configuration file."""
    description: str = ""
    """What the model is told of it, in place of the function's docstring; empty for that."""
    timeout: ToolTimeout = 10.0
    """Seconds it may take."""
    idempotent: bool = False
    """Whether doing it twice is as good as once, so that it may be run again after a crash."""
    max_result: ResponseSize = 64 * 1024
    """Bytes of the result, as JSON, beyond which it is not given to the model."""
    filler: str = ""
    """What a caller who waits for it is told; empty for nothing."""
    filler_after: Duration = 2.0
    """Seconds of quiet after which they are told, once."""

    def loaded(self) -> Function:
        """The function; `load.py` has put it here, and nobody asks for it who had it left where it is."""
        found = self.function or self.file
        if isinstance(found, Function):
            return found
        raise AssertionError("this function was not loaded")


OwnTool = HttpTool | PythonTool
"""A tool that Callwarden runs."""
Tool = OwnTool | PlatformTool
"""Any tool, told apart by `type`."""


def parameters_of(tool: OwnTool) -> dict[str, Any]:
    """What the model has to give, as the JSON Schema of an object."""
    return tool.parameters if isinstance(tool, HttpTool) else tool.loaded().parameters


def description_of(tool: OwnTool) -> str:
    """What the model is told of a tool."""
    return tool.description if isinstance(tool, HttpTool) else tool.description or tool.loaded().description


def properties(tool: Tool) -> dict[str, Any]:
    """A tool's parameters by name, each with its schema; none for one that the platform runs."""
    schema = parameters_of(tool) if isinstance(tool, HttpTool | PythonTool) else {}
    known: dict[str, Any] = schema.get("properties", {})
    return known
