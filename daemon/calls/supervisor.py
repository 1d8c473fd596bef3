"""The supervisor: lets calls in, owns the nursery they live in, and keeps one call's fault from the others.

Owner of the calls nursery and of the one `except*` boundary per call. It takes calls by a plain function and
restarts nothing: a call that failed is over, and restarting the daemon is systemd's business. Imports this room,
core, errors; the web and operate rooms hold it as `admission.Reception` or less.
"""

import contextvars
from collections.abc import Iterable

import msgspec
import structlog
import trio

from daemon.calls.admission import Offer, Repeat, Verdict
from daemon.calls.attending import attend
from daemon.calls.call import Call
from daemon.calls.casting import Casting
from daemon.calls.overflow import announcer, divert
from daemon.calls.recovery import debt_of, why_not_to_go_on
from daemon.calls.roles import roles_in
from daemon.calls.screening import OBSTACLES, is_stale, plan_for
from daemon.calls.setting import Setting
from daemon.calls.transfer import start_transfer
from daemon.core import journal
from daemon.core.incoming import IncomingCall
from daemon.core.overflow import Plan, Refuse
from daemon.core.redaction import short_number
from daemon.errors import LedgerUnavailable
from daemon.ledger.epochs import Orphan

# Ids of answered calls, two for each; the ledger remembers more, but can't be asked without waiting.
_REMEMBERED = 20_000


class Supervisor:
    """Every call in this process."""

    def __init__(self, setting: Setting) -> None:
        self.adopt(setting)
        self._live: dict[str, tuple[Call, Offer]] = {}
        self._answered: dict[str, None] = {}
        self._changed = trio.Event()
        self._tasks: trio.Nursery | None = None
        self._context = contextvars.Context()
        self._paused = False
        self._leaving = False
        self._closed = False
        self._forced = False

    @property
    def setting(self) -> Setting:
        """What new calls have around them."""
        return self._setting

    def adopt(self, setting: Setting) -> None:
        """Let new calls have another configuration; those in progress keep their own."""
        self._setting, config = setting, setting.config
        self._roles = roles_in(config)
        self._agents = {name: role.agent for name, role in self._roles.items()}
        setting.collector.config = setting.config.platform.xai

    @property
    def ready(self) -> bool:
        """Whether a balancer should send calls here."""
        return self._tasks is not None and not self._leaving and not self._paused and self._setting.ledger.claims

    @property
    def running(self) -> bool:
        """Whether there is a nursery for calls."""
        return self._tasks is not None

    @property
    def live(self) -> int:
        """How many calls are in progress."""
        return len(self._live)

    def offer(self, incoming: IncomingCall) -> Offer:
        """Take a call or say why not; see `admission.Reception`."""
        known = self._live.get(incoming.call_id)
        if known is not None:
            return Repeat(known[1])
        if incoming.call_id in self._answered or incoming.webhook_id in self._answered:
            return Offer.decided(Verdict.DUPLICATE)
        if self._tasks is None or self._closed:
            return Offer.decided(Verdict.DRAINING)
        if is_stale(incoming, self._setting):
            return Offer.decided(Verdict.STALE)
        obstacle = self._obstacle(incoming)
        if obstacle is None:
            agent = self._agents[self._setting.config.numbers[incoming.called or ""].agent]
            call = Call(incoming, agent, self._setting)
            call.casting = Casting(self._roles, agent.name)
            self._setting.budget.came(call.id, incoming.caller, self._setting.wall())
            return self._start(self._tasks, call, ())
        plan = plan_for(incoming, obstacle, self._setting, diverted=sum(not call.counted for call in self.calls()))
        if isinstance(plan[0], Refuse):
            return Offer.decided(obstacle)
        call = Call(incoming, announcer(""), self._setting, counted=False)
        call.because = (f"overflow: {OBSTACLES[obstacle]}",)
        return self._start(self._tasks, call, plan)

    def take_over(self, orphan: Orphan) -> Call | None:
        """Go on with a call whose owner is no more, as far as that makes sense; None if it is hung up instead.

        Neither capacity nor a pause counts: the caller is on the line already.
        """
        call_id = orphan.incoming.call_id
        if call_id in self._live:
            return None  # it was lost to nobody: we have had it all the time
        incoming = msgspec.structs.replace(orphan.incoming, received_at=trio.current_time() - orphan.age)
        self._remember(incoming)
        reasons = why_not_to_go_on(orphan, self._setting.config, closed=self._tasks is None or self._forced)
        agent = self._agents.get(orphan.agent)
        if reasons or agent is None or self._tasks is None:
            self._setting.collector.owe(debt_of(orphan, incoming, reasons))
            return None
        call = Call(incoming, agent, self._setting)
        call.former = orphan
        call.casting = Casting(self._roles, agent.name, adopted=True)
        self._start(self._tasks, call, ())
        return call

    def _start(self, nursery: trio.Nursery, call: Call, plan: Plan) -> Offer:
        """Start the call's task; with a plan, to divert it."""
        offer = Offer()
        self._live[call.id] = call, offer

        def start() -> None:
            nursery.start_soon(self._supervise, call, offer, plan, name=f"call {call.id}")

        # A task inherits its context from whoever starts it; a call must not keep a web request alive for an hour.
        self._context.copy().run(start)
        return offer

    def _obstacle(self, incoming: IncomingCall) -> Verdict | None:
        """Why no agent can take the call, if none can. The slot is the scope: what counts is what lives."""
        config = self._setting.config
        number = config.numbers.get(incoming.called or "")
        if number is None:
            return Verdict.UNROUTED
        if self._paused:
            return Verdict.PAUSED
        taken = [call.incoming.called for call in self.calls() if call.counted]
        if len(taken) >= config.limits.max_calls:
            return Verdict.FULL
        if number.max_calls is not None and taken.count(incoming.called) >= number.max_calls:
            return Verdict.FULL
        return self._setting.budget.obstacle(incoming.caller, config, self._setting.wall(), self.calls())

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the calls' nursery until closed and empty. Cancelling hangs up every call."""
        async with trio.open_nursery() as nursery:
            self._tasks, self._context = nursery, contextvars.copy_context()
            task_status.started()
            try:
                while not (self._closed and not self._live):
                    await self._changed.wait()
            finally:
                self._tasks = None

    async def beat(self) -> None:
        """Come back once a task of the calls' nursery has run; at once while there is no such nursery."""
        if self._tasks is None:
            await trio.lowlevel.checkpoint()
        else:
            ran = trio.Event()
            self._tasks.start_soon(_turn, ran, name="heartbeat")
            await ran.wait()

    async def _supervise(self, call: Call, offer: Offer, plan: Plan) -> None:
        """See one call through. Nothing but a cancellation ever leaves this function."""
        number, agent = short_number(call.incoming.called), call.conversation.agent.name
        with structlog.contextvars.bound_contextvars(call_id=call.id, number=number, agent=agent):
            try:
                await self._answer(call, offer, plan)
            except* Exception as bugs:
                structlog.get_logger().error("call_failed", exc_info=bugs)
            finally:
                offer.decide(Verdict.UNCLAIMED)
                del self._live[call.id]
                self._announce()

    async def _answer(self, call: Call, offer: Offer, plan: Plan) -> None:
        if call.former is not None:
            call.claimed = True
            offer.decide(Verdict.CLAIMED)
            call.remember(journal.TakenOver(former=call.former.former, seconds=call.since_webhook()))
            await attend(call)
            return
        try:
            # What is in headers is for the agent only; nobody keeps it.
            claimed = msgspec.structs.replace(call.incoming, headers=())
            won = await self._setting.ledger.claim(claimed, call.conversation.agent.name)
        except LedgerUnavailable as error:
            structlog.get_logger().error("call_not_claimed", why=str(error))
            return
        if not won:
            offer.decide(Verdict.DUPLICATE)
            return
        offer.decide(Verdict.CLAIMED)
        call.claimed = True
        incoming = call.incoming
        self._remember(incoming)
        call.remember(
            journal.WebhookVerified(webhook_id=incoming.webhook_id, called=incoming.called, caller=incoming.caller)
        )
        if plan:
            await divert(call, plan)
        else:
            call.remember(journal.Claimed(agent=call.conversation.agent.name))
            await attend(call)

    def _remember(self, incoming: IncomingCall) -> None:
        """Keep a claimed call's ids, so that its repeats are known for what they are even when every slot is taken."""
        self._answered |= dict.fromkeys((incoming.call_id, incoming.webhook_id))
        while len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]

    def pause(self) -> None:
        """Take no more calls until `resume`; those in progress go on."""
        self._paused = True

    def resume(self) -> None:
        """Take calls again."""
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether an operator has paused us."""
        return self._paused

    def leave_pool(self) -> None:
        """Stop being ready; calls are still taken, because a balancer needs a moment to notice."""
        self._leaving = True

    def rejoin_pool(self) -> None:
        """Be ready again, after all."""
        self._leaving = False

    def close(self) -> None:
        """Take no more calls, for good."""
        self._leaving = self._closed = True
        self._announce()

    def hang_up_all(self, *reasons: str) -> None:
        """End every call in progress, and take over no more."""
        self._forced = True
        for call in self.calls():
            call.hang_up(*reasons)

    def find(self, call_id: str) -> Call | None:
        """A call in progress."""
        known = self._live.get(call_id)
        return known[0] if known else None

    def hang_up(self, call_id: str, *reasons: str) -> bool:
        """End one call; False if it is not in progress here."""
        known = self._live.get(call_id)
        if known is not None:
            known[0].hang_up(*reasons)
        return known is not None

    def let_go(self, call_id: str) -> None:
        """End our part in a call that is another node's now, without hanging up."""
        if known := self._live.get(call_id):
            known[0].let_go()

    async def gone(self, call_id: str) -> Call | None:
        """Wait until a call is not in progress; gives it, or None if it was not."""
        known = self._live.get(call_id)
        while call_id in self._live:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()
        return known[0] if known else None

    def transfer(self, call_id: str, destination: str, *why: str) -> bool:
        """Begin to transfer one call to a configured destination; False if it can't be transferred now."""
        known = self._live.get(call_id)
        return known is not None and start_transfer(known[0], destination, *why)

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


async def _turn(ran: trio.Event) -> None:
    ran.set()
    await trio.lowlevel.checkpoint()
