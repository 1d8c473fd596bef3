"""The toolbox: runs a call's tools, each in a task of its own, at most once, and never longer than it may take.

A tool runs as an errand in the call's nursery, so it outlives a broken socket and ends with the call; the ledger then
has it as begun, and no more. Nobody waits for it: the reader goes on, and what the tool gave comes back as commands.
Here is one `except*` boundary more than a call has: a bug in a tool must not hang up on the caller, so it is logged
with the call's id, and the model is told that the tool failed. Imports tools, ledger, core and this room; knows of a
call only what it needs.
"""

from typing import Protocol
from weakref import proxy

import structlog
import trio

from daemon.calls.setting import Setting
from daemon.core.conversation import Conversation
from daemon.core.effects import INTERRUPTED, ToolUse
from daemon.core.frames import Frame, FunctionCallOutput, ItemCreate, Message
from daemon.core.incoming import IncomingCall
from daemon.core.redaction import without
from daemon.functions.call import ToolCall
from daemon.tools.arguments import LONGEST
from daemon.tools.base import Answer, EntryTool, Tool, failure, idempotency_key, timed_out

AT_ONCE = 8
"""Tools of one call that run at the same time; a model that wants more is not itself."""
_GO_ON = "Go on without it, or tell the caller."


class Owner(Protocol):
    """What a toolbox needs of its call."""

    id: str
    incoming: IncomingCall
    conversation: Conversation
    setting: Setting
    ending: trio.Event
    errands: trio.Nursery | None

    @property
    def tool_uses(self) -> set[str]:
        """Ids of the uses of tools so far, the present one and those of before a crash included."""
        ...

    def take_entry(self, reference: str) -> str | None:
        """Give out, once, what the caller typed for a tool's eyes only."""
        ...

    def tool_done(self, use_id: str, answer: Answer) -> None:
        """Let the conversation have what a tool gave."""
        ...

    def hang_up(self, *reasons: str) -> None:
        """End the call."""
        ...


class Toolbox:
    """One call's tools."""

    def __init__(self, owner: Owner) -> None:
        # Weakly, as it has us: what a call leaves behind is to be gone at once, not when the garbage collector comes.
        self._owner: Owner = proxy(owner)
        self._built_in: dict[str, Tool] = {}
        self._running = 0
        self._unrecorded: set[str] = set()
        """Uses that were refused here, and so never became effects."""

    def equip(self, name: str, tool: Tool) -> None:
        """Have a tool that is built in, and made for this call."""
        self._built_in[name] = tool

    def run(self, use: ToolUse) -> None:
        """Begin to run a tool beside the talk. Plain."""
        if self._owner.errands is None or self._owner.ending.is_set():
            return
        tool = self._built_in.get(use.name) or self._owner.setting.tools.get(use.name)
        if isinstance(tool, EntryTool):
            use = tool.masked(use)
        refused = self._refuse(use, tool)
        if refused is not None:
            self._unrecorded.add(use.id)
        self._running += 1
        name = f"tool {use.name} {self._owner.id}"
        self._owner.errands.start_soon(self._see_to, use, tool, refused, name=name)

    def sent(self, frame: Frame) -> None:
        """Have the ledger know that the model was given an output, once it has left. Plain; the write goes beside."""
        match frame:
            case ItemCreate(item=FunctionCallOutput(call_id=use_id)) | ItemCreate(item=Message(id=str() as use_id)):
                pass
            case _:
                return
        errands = self._owner.errands
        if errands is not None and use_id in self._owner.tool_uses and use_id not in self._unrecorded:
            errands.start_soon(self._owner.setting.ledger.told, self._owner.id, use_id, name=f"told {self._owner.id}")

    async def _see_to(self, use: ToolUse, tool: Tool | None, refused: Answer | None) -> None:
        """One use, from the wish to the conversation."""
        try:
            answer = refused if tool is None or refused is not None else await self._answer(use, tool)
            if answer is not None and not self._owner.ending.is_set():
                self._owner.tool_done(use.id, answer)
        except* Exception:
            # Said first, or the receipt would only know that the call was cancelled.
            self._owner.hang_up("error in Callwarden: tool failed")
            raise
        finally:
            self._running -= 1

    async def _answer(self, use: ToolUse, tool: Tool) -> Answer | None:
        """What the model is to be told; None if the call is not ours any more."""
        ledger, call_id = self._owner.setting.ledger, self._owner.id
        if not await ledger.ours(call_id):
            structlog.get_logger().warning("tool_not_run", tool=use.name, why="the call is another node's now")
            return None
        known = await ledger.begin_effect(call_id, use)
        if known is not None and known.output is not None:
            return Answer(known.output)
        if known is not None and not tool.idempotent:
            return Answer(INTERRUPTED, "interrupted")
        answer = await self._run(tool, use)
        await ledger.end_effect(call_id, use.id, answer.output)
        return answer

    def _refuse(self, use: ToolUse, tool: Tool | None) -> Answer | None:
        most = self._owner.setting.config.limits.max_tool_uses
        if tool is None:
            return failure(f"The tool is not there any more. {_GO_ON}", "not there")
        if use.name in self._built_in:
            return None  # it has limits of its own
        if len(self._owner.tool_uses) > most:
            return failure(f"No more tools can be used in this call. {_GO_ON}", f"over {most} uses in one call")
        if len(use.arguments) > LONGEST:
            return failure("The arguments are too long. Give only what is asked for.", "arguments refused")
        if self._running >= AT_ONCE:
            return failure("Too many tools at once. Wait for the others, then try again.", f"over {AT_ONCE} at once")
        return None

    def _told(self, use: ToolUse) -> ToolCall:
        """What a tool may know of the call."""
        owner = self._owner
        return ToolCall(
            id=owner.id,
            caller=owner.incoming.caller,
            called=owner.incoming.called,
            agent=owner.conversation.agent.name,
            idempotency_key=idempotency_key(owner.id, use.id),
            traceparent=owner.setting.traceparent(owner.id),
        )

    async def _run(self, tool: Tool, use: ToolUse) -> Answer:
        """Run it within its time. Whatever goes wrong in it, bugs of ours included, is an answer."""
        answer = timed_out(tool)
        try:
            with trio.move_on_after(tool.timeout):
                answer = await self._try(tool, use)
        except* Exception as bugs:
            structlog.get_logger().error("tool_failed", tool=use.name, exc_info=bugs)
            answer = failure(f"The tool failed, and it is not known whether it took effect. {_GO_ON}", "bug")
        return answer

    async def _try(self, tool: Tool, use: ToolUse) -> Answer:
        """Run it; what the caller typed for its eyes only leaves here, and does not come back in what it gives."""
        if not isinstance(tool, EntryTool):
            return await tool.run(self._told(use), use)
        taken: dict[str, str] = {}

        def take(reference: str) -> str | None:
            digits = self._owner.take_entry(reference)
            if digits is not None:
                taken[reference] = digits
            return digits

        answer = await tool.run_with(self._told(use), use, take)
        return Answer(without(answer.output, taken), answer.why)
