"""A tool that is an HTTP request: made from a template, sent to a checked address, and answered in words.

Owned by the tools room; the client is opened by `open_tools` and shared. Every httpx error is mapped here. Never logs a
URL, a header or a body, and puts none of them into an answer; of the server's words the model gets only JSON.
"""

import contextlib
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import httpx
import msgspec
import structlog
import trio

from daemon import config
from daemon.config.parameters import KEYPAD
from daemon.core.effects import ToolUse
from daemon.core.redaction import masked_body
from daemon.errors import AddressRefused
from daemon.functions.call import ToolCall
from daemon.tools.arguments import Arguments, masked
from daemon.tools.base import Answer, Take, after_unknown, entry_not_there, failure
from daemon.tools.connecting import ALLOWED
from daemon.tools.request import RequestTemplate

# Seconds for one address before the next one is tried.
_CONNECT = 5.0
_FIRST_PAUSE = 0.1
# Of a refusal, the model is told as much as can help it.
_LONGEST_REFUSAL = 2048
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
_BROKEN = "Tell the caller that it does not work at the moment."


_Send = Callable[[], AbstractAsyncContextManager[httpx.Response]]


class _TooLargeError(Exception):
    """The answer has more bytes than it may have."""


class HttpTool:
    """One tool with `type = "http"`; see `base.Tool` for what each part promises."""

    def __init__(self, tool: config.HttpTool, client: httpx.AsyncClient) -> None:
        self._tool = tool
        self._client = client
        self._arguments = Arguments(tool.parameters)
        self._keypad = frozenset(
            name for name, schema in config.properties(tool).items() if schema.get("format") == KEYPAD
        )
        self._template = RequestTemplate(tool)
        self._unknown = after_unknown(idempotent=tool.idempotent)
        self._hidden = config.put_into(tool.headers.values())

    @property
    def timeout(self) -> float:
        """Seconds for all attempts together."""
        return self._tool.timeout

    @property
    def idempotent(self) -> bool:
        """Whether the operator says so."""
        return self._tool.idempotent

    def masked(self, use: ToolUse) -> ToolUse:
        """See `base.EntryTool`: the model hears keys too, and may give them in place of their reference."""
        return masked(use, self._keypad) if self._keypad else use

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Make the request, without anything that callers typed."""
        return await self.run_with(call, use, lambda _: None)

    async def run_with(self, call: ToolCall, use: ToolUse, take: Take) -> Answer:
        """Make the request, and make it again where that may help and do no harm."""
        arguments = self._arguments.read(use.arguments)
        if isinstance(arguments, Answer):
            return arguments
        for name in self._keypad & arguments.keys():
            digits = take(str(arguments[name]))
            if digits is None:
                return entry_not_there(name)
            arguments[name] = digits
        try:
            send = self._request(call, arguments)
        except ValueError as error:
            return failure(f"{error} Nothing was done.", "arguments refused")
        answer, worth_another = await self._attempt(send)
        for attempt in range(self._tool.retries):
            if not worth_another:
                break
            # Half of it at random: many calls that met the same hiccup must not come back as one wave.
            await trio.sleep(_FIRST_PAUSE * 2**attempt * (0.5 + random.random() / 2))
            answer, worth_another = await self._attempt(send)
        return answer

    def _request(self, call: ToolCall, arguments: dict[str, Any]) -> _Send:
        content = self._template.content(arguments)
        headers = httpx.Headers({} if content is None else {"Content-Type": "application/json"})
        headers.update({name: value.reveal() for name, value in self._tool.headers.items()})
        headers.update({"Idempotency-Key": call.idempotency_key, "X-Callwarden-Call": call.id})
        if call.traceparent is not None:
            headers["Traceparent"] = call.traceparent
        return partial(
            self._client.stream,
            self._tool.method,
            self._template.url(arguments),
            headers=headers,
            content=content,
            timeout=httpx.Timeout(None, connect=_CONNECT),  # the whole is bounded by who runs the tool
            extensions={ALLOWED: self._tool.allow_private},
        )

    async def _attempt(self, send: _Send) -> tuple[Answer, bool]:
        """One attempt: what to tell the model, and whether another one may do better."""
        try:
            async with send() as response:
                body = await self._read(response)
                # A server that tells what it was sent must not tell it the model, nor the ledger.
                return self._judge(response.status_code, None if body is None else masked_body(body, self._hidden))
        except AddressRefused as error:
            structlog.get_logger().error("tool_address_refused", why=str(error))
            return failure(f"The tool is not set up rightly; nothing was done. {_BROKEN}", "address refused"), False
        except _TooLargeError:
            what = f"The answer was too large to be read. {self._unknown}"
            return failure(what, f"answer over {self._tool.max_response} bytes"), False
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL):
            return failure(f"The tool's server can't be reached; nothing was done. {_BROKEN}", "not reached"), True
        except httpx.HTTPError as error:
            # Only the kind: its words may hold what was sent.
            return failure(f"The connection broke. {self._unknown}", f"connection: {type(error).__name__}"), True

    async def _read(self, response: httpx.Response) -> bytes | None:
        """The body; None if there is no use for it, or no way to read it."""
        compressed = response.headers.get("Content-Encoding", "identity") != "identity"
        if compressed or not (response.is_success or response.is_client_error):
            return None
        most = _LONGEST_REFUSAL if response.is_client_error else self._tool.max_response
        body = bytearray()
        with trio.CancelScope() as reading:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > most:
                    # Not just left: only so do all the generators within httpx get their end.
                    reading.cancel(reason="the answer is too large")
        if len(body) <= most:
            return bytes(body)
        if response.is_client_error:
            return None
        raise _TooLargeError

    def _judge(self, status: int, body: bytes | None) -> tuple[Answer, bool]:
        if status >= 500:
            return failure(f"The tool's server failed (HTTP {status}). {self._unknown}", f"HTTP {status}"), True
        if status >= 400:
            return self._refused(status, body)
        if not 200 <= status < 300:
            what = f"The tool's server sent the request elsewhere (HTTP {status}), which is not followed. {_BROKEN}"
            return failure(what, f"redirect: HTTP {status}"), False
        if body == b"" and not self._tool.result:
            return Answer('{"ok":true}'), False
        try:
            value = _point(_decode(body), self._tool.result)
        except _UNREADABLE:
            what = "The tool's server took the request, but what it answered can't be read (it is not JSON)."
            return failure(what, "answer not JSON"), False
        except LookupError:
            what = "The tool's server took the request, but its answer does not hold what was looked for."
            return failure(what, "nothing at result"), False
        return Answer(msgspec.json.encode(value).decode()), False

    def _refused(self, status: int, body: bytes | None) -> tuple[Answer, bool]:
        """A 4xx: the server's own words may tell the model what to do differently."""
        details = {}
        with contextlib.suppress(*_UNREADABLE):
            details["answer"] = _decode(body)
        what = f"The tool's server refused the request (HTTP {status}); nothing was done."
        return failure(what, f"HTTP {status}", **details), status in {408, 425, 429}


def _decode(body: bytes | None) -> object:
    return msgspec.json.decode(body or b"")


def _point(value: object, pointer: str) -> object:
    """Follow a JSON Pointer (RFC 6901). Errors: `LookupError`."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit():
            value = value[int(key)]
        else:
            raise LookupError(pointer)
    return value
