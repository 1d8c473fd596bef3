"""How long callers wait: from the webhook to each step on the way to the first word they hear.

A watcher of the feed, which keeps one number for each call on its way. Plain; imports core's journal and Trio's clock.
Calls that were taken over are left out: their callers were greeted long ago.
"""

from collections.abc import Callable

import trio

from daemon.core import journal

STEPS = ("joined", "sent", "configured", "first_output")
"""The socket is open; `session.update` is on the wire; the platform has taken it; the agent's first word has come."""

Told = Callable[[str, float], None]
"""(step, seconds since the webhook)"""


class Pickup:
    """The calls that are being picked up."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._webhooks: dict[str, float] = {}
        """When the webhook came, by call, in seconds of the monotonic clock."""
        self._seen: dict[str, set[str]] = {}

    def watch(self, record: journal.Record) -> None:
        """Take a record."""
        call_id = record.call_id
        match record.entry:
            case journal.Claimed():
                self._seen[call_id] = set()
            case journal.Joined(seconds=seconds) if call_id in self._seen:
                self._webhooks[call_id] = trio.current_time() - seconds
                self._step(call_id, "joined", seconds)
            case journal.SessionSent(seconds=seconds):
                self._step(call_id, "sent", seconds)
            case journal.SessionConfigured():
                self._step(call_id, "configured")
            case journal.Said(speaker="agent"):
                self._step(call_id, "first_output")
            case journal.Ended():
                self._seen.pop(call_id, None)
                self._webhooks.pop(call_id, None)
            case _:
                pass

    def _step(self, call_id: str, step: str, seconds: float | None = None) -> None:
        """Note a step, once."""
        webhook = self._webhooks.get(call_id)
        if webhook is None or step in self._seen[call_id]:
            return
        self._seen[call_id].add(step)
        self._told(step, trio.current_time() - webhook if seconds is None else seconds)
