"""A tool that is a Python function of the operator's: async ones run on the loop, plain ones in a thread.

Owned by the tools room. Whatever a function raises is dealt with here: the model is told that it failed, and the log
gets the kind of exception and the lines it came through. Not its words, and no local variables: these retell what the
caller said. What a function wants the model to know, it says by raising `ToolFailed`.
"""

import traceback
from functools import partial

import msgspec
import structlog

from daemon import config
from daemon.core.effects import ToolUse
from daemon.errors import ToolFailed
from daemon.functions.call import ToolCall
from daemon.tools.arguments import Arguments
from daemon.tools.base import Answer, after_unknown, failure
from daemon.tools.threads import Threads, ThreadsStuck

_LONGEST_WORDS = 2048
_MOST_FRAMES = 20
_WRONG = "The arguments are not right, and nothing was done. Correct them, or ask the caller, and call it again."


class PythonTool:
    """One tool with `type = "python"`; see `base.Tool` for what each part promises."""

    def __init__(self, name: str, tool: config.PythonTool, threads: Threads) -> None:
        self._name = name
        self._tool = tool
        self._function = tool.loaded()
        self._arguments = Arguments(self._function.parameters)
        self._threads = threads

    @property
    def timeout(self) -> float:
        """Seconds for all of it."""
        return self._tool.timeout

    @property
    def idempotent(self) -> bool:
        """Whether the operator says so."""
        return self._tool.idempotent

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Call the function once."""
        arguments = self._arguments.read(use.arguments)
        if isinstance(arguments, Answer):
            return arguments
        answer = failure("The tool failed.", "failed")
        try:
            given = msgspec.convert(arguments, self._function.arguments)
            values = {name: getattr(given, name) for name in given.__struct_fields__}
            if self._function.context is not None:
                values[self._function.context] = call
            answer = await (self._on_loop(values) if self._function.is_async else self._in_thread(values))
        except* msgspec.ValidationError as errors:
            answer = failure(_WRONG, "arguments refused", problems=[str(_first(errors))[:_LONGEST_WORDS]])
        except* ToolFailed as errors:
            answer = failure(str(_first(errors))[:_LONGEST_WORDS] or "It did not work.", "refused by the function")
        except* ThreadsStuck:
            structlog.get_logger().error("tool_threads_stuck", tool=self._name, abandoned=self._threads.abandoned)
            what = "The tool is not available; nothing was done. Tell the caller that it does not work at the moment."
            answer = failure(what, "too many threads left behind")
        except* (Exception, SystemExit) as errors:
            answer = self._raised(_first(errors))
        return answer

    async def _on_loop(self, values: dict[str, object]) -> Answer:
        return self._encode(await self._function.call(**values))

    async def _in_thread(self, values: dict[str, object]) -> Answer:
        before = self._threads.abandoned
        try:
            return await self._threads.run(partial(self._call, values))
        finally:
            if self._threads.abandoned > before:
                abandoned = self._threads.abandoned
                structlog.get_logger().warning("tool_thread_left_behind", tool=self._name, abandoned=abandoned)

    def _call(self, values: dict[str, object]) -> Answer:
        return self._encode(self._function.call(**values))

    def _encode(self, result: object) -> Answer:
        if result is None:
            return Answer('{"ok":true}')
        try:
            text = msgspec.json.encode(result)
        except (TypeError, ValueError, RecursionError, OverflowError):
            what = "The tool did its work, but what it gave can't be told."
            return failure(what, f"a {type(result).__name__} is no JSON")
        if len(text) > self._tool.max_result:
            what = "The tool did its work, but what it gave is too large to be told. Ask for less, if that is possible."
            return failure(what, f"result over {self._tool.max_result} bytes")
        return Answer(text.decode())

    def _raised(self, error: BaseException) -> Answer:
        frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
        through = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        kind = type(error).__name__
        structlog.get_logger().error("tool_raised", tool=self._name, error=kind, through=through)
        unknown = after_unknown(idempotent=self._tool.idempotent)
        return failure(f"The tool failed. {unknown}", f"raised {kind}")


def _first(error: BaseException) -> BaseException:
    """One of the exceptions in a group, which say more than the group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
