"""The built-in tool `transfer`, for one call: to which destinations, how often, and what the model is told.

The model names a destination, a key of the menu or trouble does, and all are held to what the agent's configuration
allows, as if whoever names it were an attacker. When one fails, its fallback is tried, and so on; after an answer that
never came, nothing is, because the caller may be connected. Imports platforms.base, config, core, tools and this room.
"""

from weakref import proxy

import msgspec
import structlog

from daemon.calls.call import Call
from daemon.calls.transfer import refer
from daemon.core import journal
from daemon.core.effects import ToolUse
from daemon.core.transfers import destination_of
from daemon.functions.call import ToolCall
from daemon.platforms.base import ReferOutcome, ReferResult
from daemon.tools.base import Answer

_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480, 487})
_WORDS = {
    ReferResult.BAD_TARGET: "It is not set up rightly.",
    ReferResult.REJECTED: "The call was refused there.",
    ReferResult.TIMED_OUT: "Nobody answered.",
    ReferResult.FAILED: "It failed for a technical reason.",
    ReferResult.UNKNOWN: "It is not known whether it worked.",
}
_INSTEAD = "The caller is still with you: tell them, and offer another destination or take a message."
_UNKNOWN = "Do not try again by yourself. If the caller is still with you, tell them so and take a message."


class TransferTool:
    """One call's transfers, as `tools.base.Tool`."""

    idempotent = False

    def __init__(self, call: Call) -> None:
        self._call: Call = proxy(call)  # which has us, in its toolbox
        self._tried = 0

    @property
    def timeout(self) -> float:
        """Seconds for all that are tried in one use: each is bounded by itself, and this is in case one is not."""
        config = self._call.setting.config
        xai = config.platform.xai
        return (xai.refer_timeout + xai.hang_up_timeout + 1) * config.limits.max_transfers_per_call

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Transfer the caller, or say why not. Does not come back if that ends the call."""
        destination, agent = destination_of(use), self._call.conversation.agent
        allowed = agent.destinations if use.by_rule else agent.transfers
        if self._call.ending.is_set():
            return _failure("The call is ending.", _INSTEAD, "refused")
        if self._refuses(destination if destination in allowed else "", busy=self._call.transfers > 0):
            return _failure("It can't be made now.", _INSTEAD, "refused")
        self._call.transfers += 1
        try:
            return await self._along(
                call.id, destination, "transfer by a rule" if use.by_rule else "transfer by the model"
            )
        finally:
            self._call.transfers -= 1

    async def _along(self, call_id: str, destination: str, by: str) -> Answer:
        """Try a destination and its fallbacks, in order."""
        tried: list[str] = []
        while True:
            self._tried += 1
            self._call.setting.quota.count(destination)
            outcome = await refer(self._call, destination, (by,))
            if outcome.result in (ReferResult.ANSWERED, ReferResult.NO_CALL):
                done = outcome.result is ReferResult.ANSWERED
                return Answer(msgspec.json.encode({"transferred": done}).decode(), "" if done else "no call")
            tried.append(f"{destination}: {_words(outcome)}")
            fallback = self._call.setting.config.destinations[destination].fallback
            unknown = outcome.result is ReferResult.UNKNOWN
            ends = self._call.ending.is_set()
            if ends or unknown or not fallback or self._refuses(fallback):
                return _failure(" ".join(tried), _UNKNOWN if unknown else _INSTEAD, outcome.result.value)
            structlog.get_logger().info("transfer_falls_back", call_id=call_id, to=fallback)
            destination = fallback

    def _refuses(self, destination: str, *, busy: bool = False) -> bool:
        """Whether the caller may not be transferred there now; if so, that is written down."""
        setting = self._call.setting
        place = setting.config.destinations.get(destination)
        if place is None:
            why = "no such destination"
        elif busy:
            why = "another is under way"
        else:
            why = setting.quota.refuse(destination, place, setting.config.limits, self._tried)
        if why:
            self._call.remember(journal.TransferRefused(destination=destination, why=why))
        return bool(why)


def _words(outcome: ReferOutcome) -> str:
    if outcome.result is ReferResult.REJECTED and outcome.sip_status in _BUSY:
        return "The line is busy."
    if outcome.result is ReferResult.REJECTED and outcome.sip_status in _NO_ANSWER:
        return "Nobody answered."
    return _WORDS.get(outcome.result, "It failed.")


def _failure(why: str, now: str, in_short: str) -> Answer:
    return Answer(msgspec.json.encode({"transferred": False, "why": why, "now": now}).decode(), in_short)
