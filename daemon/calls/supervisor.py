"""The supervisor: lets calls in, owns the nursery they live in, and keeps one call's fault from the others.

Owner of the calls nursery and of the one `except*` boundary per call. It takes calls by a plain function and
restarts nothing: a call that failed is over, and restarting the daemon is systemd's business. Imports this room,
core, errors; the web and operate rooms hold it as `admission.Reception` or less.
"""

import contextvars
from collections.abc import Iterable

import structlog
import trio

from daemon.calls.admission import Offer, Repeat, Verdict
from daemon.calls.briefing import brief
from daemon.calls.call import Call, run_call
from daemon.calls.setting import Setting
from daemon.core import journal
from daemon.core.incoming import IncomingCall
from daemon.core.redaction import short_number


class Supervisor:
    """Every call in this process."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._agents = {name: brief(name, agent) for name, agent in setting.config.agents.items()}
        self._live: dict[str, tuple[Call, Offer]] = {}
        self._changed = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._context = contextvars.Context()
        self._leaving = False
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether a balancer should send calls here."""
        return self._nursery is not None and not self._leaving

    @property
    def live(self) -> int:
        """How many calls are in progress."""
        return len(self._live)

    def offer(self, incoming: IncomingCall) -> Offer:
        """Take a call or say why not; see `admission.Reception`."""
        known = self._live.get(incoming.call_id)
        if known is not None:
            return Repeat(known[1])
        refusal = self._refusal(incoming)
        if refusal is not None or self._nursery is None:
            return Offer.decided(refusal or Verdict.DRAINING)
        agent = self._agents[self._setting.config.numbers[incoming.called or ""].agent]
        call, offer = Call(incoming, agent, self._setting), Offer()
        self._live[call.id] = call, offer
        # A task inherits its context from whoever starts it; a call must not keep a web request alive for an hour.
        self._context.copy().run(self._start, self._nursery, call, offer)
        return offer

    def _start(self, nursery: trio.Nursery, call: Call, offer: Offer) -> None:
        nursery.start_soon(self._supervise, call, offer, name=f"call {call.id}")

    def _refusal(self, incoming: IncomingCall) -> Verdict | None:
        log = structlog.get_logger().bind(call_id=incoming.call_id, called=short_number(incoming.called))
        config = self._setting.config
        age = 0.0 if incoming.created_at is None else self._setting.wall() - incoming.created_at
        if age > config.server.max_event_age:
            log.warning("call_missed", why=f"announced {age:.0f} s ago, the caller has hung up by now")
            return Verdict.STALE
        if self._closed:
            return Verdict.DRAINING
        if incoming.called not in config.numbers:
            log.error("call_unrouted", fix="add the called number to [numbers] in the configuration")
            return Verdict.UNROUTED
        if len(self._live) >= config.limits.max_calls:
            log.warning("call_refused", why=f"all {config.limits.max_calls} slots of [limits] max_calls are taken")
            return Verdict.FULL
        return None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the calls' nursery until closed and empty. Cancelling hangs up every call."""
        async with trio.open_nursery() as nursery:
            self._nursery, self._context = nursery, contextvars.copy_context()
            task_status.started()
            while not (self._closed and not self._live):
                await self._changed.wait()

    async def _supervise(self, call: Call, offer: Offer) -> None:
        """See one call through. Nothing but a cancellation ever leaves this function."""
        with structlog.contextvars.bound_contextvars(call_id=call.id):
            try:
                await self._answer(call, offer)
            except* Exception as bugs:
                structlog.get_logger().error("call_failed", exc_info=bugs)
            finally:
                offer.decide(Verdict.UNCLAIMED)
                del self._live[call.id]
                self._announce()

    async def _answer(self, call: Call, offer: Offer) -> None:
        if not await self._setting.ledger.claim(call.incoming):
            offer.decide(Verdict.DUPLICATE)
            return
        offer.decide(Verdict.CLAIMED)
        incoming = call.incoming
        call.remember(
            journal.WebhookVerified(webhook_id=incoming.webhook_id, called=incoming.called, caller=incoming.caller)
        )
        call.remember(journal.Claimed(agent=call.conversation.agent.name))
        await run_call(call)

    def leave_pool(self) -> None:
        """Stop being ready; calls are still taken, because a balancer needs a moment to notice."""
        self._leaving = True

    def close(self) -> None:
        """Take no more calls, for good."""
        self._leaving = self._closed = True
        self._announce()

    def hang_up_all(self, *reasons: str) -> None:
        """End every call in progress."""
        for call in self.calls():
            call.hang_up(*reasons)

    def calls(self) -> Iterable[Call]:
        """The calls in progress, oldest first."""
        return [call for call, _ in self._live.values()]

    async def idle(self) -> None:
        """Wait until no call is in progress."""
        while self._live:
            await self._changed.wait()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
