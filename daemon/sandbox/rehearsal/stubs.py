"""What stands in for the world in a rehearsal: tools that answer what the file says, a server that knows one caller.

Arguments are held against the tool's real schema, so that a model which writes nonsense is told so here too. Imports
config, tools, lookup's interface and this room. No stub opens anything.
"""

import json
from collections.abc import Mapping, Sequence

import msgspec
import trio

from daemon import config
from daemon.config.parameters import KEYPAD
from daemon.config.tools import OwnTool, parameters_of
from daemon.core.effects import ToolUse
from daemon.functions.call import ToolCall
from daemon.sandbox.rehearsal.records import Call, Stub
from daemon.tools.arguments import Arguments, masked
from daemon.tools.base import Answer, Take, Tool, entry_not_there, failure
from daemon.tools.watched import WatchedTool


class Run(msgspec.Struct, frozen=True):
    """A tool was run."""

    at: float
    """Seconds since the call came."""
    tool: str
    arguments: object
    """As JSON; as text, if it is none."""
    answer: str


class Runs:
    """What tools were run in a rehearsed call, and which of them nobody prepared."""

    def __init__(self) -> None:
        self.done: list[Run] = []
        self.unprepared: set[str] = set()

    def note(self, use: ToolUse, answer: Answer) -> None:
        """A tool ran."""
        self.done.append(Run(trio.current_time(), use.name, _read(use.arguments), answer.output))


def tools(call: Call, written: Mapping[str, config.Tool], real: Mapping[str, Tool], runs: Runs) -> dict[str, Tool]:
    """Every tool of the configuration that we run, as it is in this call."""
    return {
        name: WatchedTool(real[name], ended=runs.note) if name in real else StubTool(tool, call.tools.get(name), runs)
        for name, tool in written.items()
        if isinstance(tool, config.HttpTool | config.PythonTool)
    }


class StubTool:
    """A tool that answers what it was told to; see `tools.base.EntryTool`."""

    def __init__(self, tool: OwnTool, stub: Stub | None, runs: Runs) -> None:
        self._tool = tool
        self._stub = stub
        self._runs = runs
        self._arguments = Arguments(parameters_of(tool))
        self._keypad = frozenset(
            name for name, schema in config.properties(tool).items() if schema.get("format") == KEYPAD
        )
        self._answers = [] if stub is None else [*(stub.answers or (stub.answer,))]

    @property
    def timeout(self) -> float:
        """Seconds it may take, as configured."""
        return self._tool.timeout

    @property
    def idempotent(self) -> bool:
        """Whether the operator says so."""
        return self._tool.idempotent

    def masked(self, use: ToolUse) -> ToolUse:
        """The use without what belongs nowhere but into its runs."""
        return masked(use, self._keypad)

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Answer, to a use without anything that callers typed."""
        return await self.run_with(call, use, lambda _: None)

    async def run_with(self, call: ToolCall, use: ToolUse, take: Take) -> Answer:
        """Answer, in the time it takes."""
        arguments = self._arguments.read(use.arguments)
        if isinstance(arguments, Answer):
            await trio.lowlevel.checkpoint()
            return arguments
        if self._stub is None:
            self._runs.unprepared.add(use.name)
            await trio.lowlevel.checkpoint()
            return failure("The tool does not work at the moment.", "not prepared in this rehearsal")
        for name in self._keypad & arguments.keys():
            digits = take(str(arguments[name]))
            if digits is None:
                await trio.lowlevel.checkpoint()
                return entry_not_there(name)
            arguments[name] = digits
        answer = self._answer(self._stub)
        self._runs.note(msgspec.structs.replace(use, arguments=json.dumps(arguments)), answer)
        await trio.sleep(self._stub.takes)
        return answer

    def _answer(self, stub: Stub) -> Answer:
        if stub.error:
            return failure(stub.error, "so it was rehearsed")
        value = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return Answer(json.dumps(value))


class KnownCaller:
    """The server that knows callers; see `lookup.fetching.Fetch`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.asked: list[str] = []
        """URLs."""

    async def __call__(self, url: str, headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bytes | None:
        """Answer, in the time it takes."""
        self.asked.append(url)
        await trio.sleep(self._call.lookup_takes)
        return None if self._call.lookup is None else json.dumps(self._call.lookup).encode()


def _read(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
