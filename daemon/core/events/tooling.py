"""Events about tools: functions that we run, and MCP tools that the platform runs. Imports msgspec only."""

import msgspec

from daemon.core.events.base import ServerEvent


class CallFailure(msgspec.Struct, frozen=True):
    """Why a platform-run tool failed."""

    type: str | None = None
    message: str | None = None


class FunctionArgumentsDelta(ServerEvent, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"):
    """Some more text of the arguments."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: int | None = None
    call_id: str | None = None
    delta: str | None = None


class FunctionCalled(ServerEvent, frozen=True, kw_only=True, tag="response.function_call_arguments.done"):
    """The model wants one of our tools run. Several can come before the response is done."""

    response_id: str | None = None
    item_id: str | None = None
    output_index: int | None = None
    call_id: str | None = None
    """The id of this use of the tool; has nothing to do with the phone call's id."""
    name: str | None = None
    arguments: str | None = None
    """JSON text, as the model wrote it: to be validated, never trusted."""


class McpToolsListing(ServerEvent, frozen=True, kw_only=True, tag="mcp_list_tools.in_progress"):
    """The platform asks an MCP server for its tools."""

    item_id: str | None = None


class McpToolsListed(ServerEvent, frozen=True, kw_only=True, tag="mcp_list_tools.completed"):
    """It has them."""

    item_id: str | None = None


class McpToolsFailed(ServerEvent, frozen=True, kw_only=True, tag="mcp_list_tools.failed"):
    """It could not get them."""

    item_id: str | None = None
    error: CallFailure = CallFailure()


class McpArgumentsDelta(ServerEvent, frozen=True, kw_only=True, tag="response.mcp_call_arguments.delta"):
    """Some more text of an MCP tool's arguments."""

    response_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    delta: str | None = None


class McpArgumentsDone(ServerEvent, frozen=True, kw_only=True, tag="response.mcp_call_arguments.done"):
    """The platform will run this MCP tool; we do nothing."""

    response_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class McpCallStarted(ServerEvent, frozen=True, kw_only=True, tag="response.mcp_call.in_progress"):
    """An MCP tool runs."""

    item_id: str | None = None
    output_index: int | None = None


class McpCallCompleted(ServerEvent, frozen=True, kw_only=True, tag="response.mcp_call.completed"):
    """An MCP tool answered."""

    item_id: str | None = None
    output_index: int | None = None


class McpCallFailed(ServerEvent, frozen=True, kw_only=True, tag="response.mcp_call.failed"):
    """An MCP tool failed."""

    item_id: str | None = None
    output_index: int | None = None
    error: CallFailure = CallFailure()
