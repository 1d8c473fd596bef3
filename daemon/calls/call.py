"""One call, as everybody who may act on it sees it: what it is, and the few plain things that can be done to it.

Nothing here waits. The tasks that do are in `attending.py` (from joining to the receipt), `talking.py` (one socket's
reader, writer and timer) and `transfer.py`; they share this object. Imports core, observe and this room; never decides
who is let in.
"""

from collections import Counter
from collections.abc import Sequence

import trio

from daemon.calls.outbox import Outbox
from daemon.calls.setting import Setting
from daemon.core import journal
from daemon.core.agent import Agent
from daemon.core.commands import Command, HangUp, Remember, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.frames import SessionUpdate
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import ELSEWHERE, Debt, Outcome, Receipt
from daemon.ledger.epochs import Orphan
from daemon.platforms.base import Line


class Call:
    """A call in progress."""

    def __init__(self, incoming: IncomingCall, agent: Agent, setting: Setting, *, counted: bool = True) -> None:
        self.id = incoming.call_id
        self.incoming = incoming
        self.setting = setting
        self.conversation = Conversation(agent, ready_timeout=setting.config.platform.xai.ready_timeout)
        self.counted = counted
        """Whether it takes a slot; callers who are only told that there is none don't."""
        self.scope = trio.CancelScope()
        """The talk on the present socket. Cancelling it is hanging up; use `hang_up`, which says why."""
        self.timer = trio.CancelScope()
        """The timer's present wait; its deadline follows the conversation's."""
        self.outbox = Outbox()
        self.ending = trio.Event()
        """Set once it is decided that the call ends."""
        self.reasons: tuple[str, ...] = ()
        self.outcome: Outcome | None = None
        """How it ended, once that is known without hanging up."""
        self.because: tuple[str, ...] = ()
        """What stands behind every reason: why the call was diverted, if it was."""
        self.line: Line | None = None
        """The present socket, or the last one."""
        self.line_opened_at = 0.0
        self._dropped: Counter[str] = Counter()
        """Frames discarded unread on earlier sockets."""
        self.transfers = 0
        """Transfers that are under way."""
        self.errands: trio.Nursery | None = None
        """Where transfers run; exists while the call is attended to."""
        self.receipt: Receipt | None = None
        self.former: Orphan | None = None
        """How it stood when it was taken over from an owner that is no more, if it was."""
        self.reached = trio.Event()
        """Set once a socket is open, or it is known that there will be none."""
        self.owed = False
        """Whether the collector has taken over the hang-up, and with it the receipt."""

    @property
    def joined(self) -> bool:
        """Whether a socket was ever open."""
        return self.line is not None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do for the call's own task."""
        return self.receipt is not None or self.owed

    def hang_up(self, *reasons: str) -> None:
        """End the call. The first chain of reasons is the one that counts."""
        if not self.ending.is_set():
            self.reasons = (*reasons, *self.because)
            self.ending.set()
            self.reached.set()
        self.scope.cancel(reason=" > ".join(reasons))

    def over(self, outcome: Outcome, *reasons: str) -> None:
        """The caller's leg is known to be gone, so the call ends and there is nothing to hang up."""
        if not self.ending.is_set():
            self.outcome = outcome
        self.hang_up(*reasons)

    def let_go(self) -> None:
        """End our part in the call: it is another node's now, and so are its caller and its receipt."""
        self.over("handed_over", ELSEWHERE)

    def remember(self, entry: journal.Entry) -> None:
        """Write an entry into the call's journal."""
        self.setting.feed.publish(self.id, entry)

    def since_webhook(self) -> float:
        """Seconds since the delivery reached us."""
        return trio.current_time() - self.incoming.received_at

    async def conclude(self, outcome: Outcome) -> None:
        """Make the receipt: into the ledger first, then into the journal.

        Cancelling, or an error of the ledger, leaves the call unsettled.
        """
        receipt = Receipt(outcome=outcome, reasons=self.reasons, joined=self.joined, seconds=self.since_webhook())
        events = self._events()
        if not await self.setting.ledger.settle(self.id, receipt, events):
            receipt = receipt.elsewhere()
        self.receipt = receipt
        self.remember(journal.Ended(receipt=receipt, events=events))

    def owe(self) -> None:
        """Hand what is not settled yet, and with it the receipt, to the debt collector."""
        self.owed = True
        self.setting.collector.owe(
            Debt(
                call_id=self.id,
                reasons=self.reasons,
                joined=self.joined,
                received_at=self.incoming.received_at,
                events=self._events(),
                outcome=self.outcome,
            )
        )

    def take(self, line: Line) -> None:
        """Go on on a new socket."""
        if self.line is not None:
            self._dropped.update(self.line.dropped)
        self.line, self.line_opened_at = line, trio.current_time()
        self.reached.set()

    def _events(self) -> dict[str, int]:
        return dict(self.conversation.seen + self._dropped + Counter(self.line.dropped if self.line else {}))

    def begin(self) -> None:
        """Configure and greet, on the call's first socket; a caller who was greeted before is not greeted again."""
        self.remember(journal.Joined(seconds=self.since_webhook()))
        now = trio.current_time()
        if self.former is None or not self.former.joined:
            self.obey(self.conversation.start(now))
        else:
            self.obey(self.conversation.take_over(now, self.since_webhook()))

    def resume(self) -> None:
        """Configure a new socket's session, ahead of everything that waits to be sent."""
        update, *rest = self.conversation.resume(trio.current_time())
        if isinstance(update, SendFrame) and isinstance(update.frame, SessionUpdate):
            self.outbox.restart(update.frame)
        self.obey(rest)

    def obey(self, commands: Sequence[Command]) -> None:
        """Carry out what the conversation wants, in order, without waiting.

        Errors: `OutboxFull` if the platform has long stopped taking frames.
        """
        for command in commands:
            match command:
                case SendFrame(frame):
                    self.outbox.put(frame)
                case HangUp(reasons):
                    self.hang_up(*reasons)
                case Remember(entry):
                    self.remember(entry)
        # Every word moves it further away; then the timer finds out by itself when it wakes, which is cheaper.
        if (deadline := self.conversation.deadline) < self.timer.deadline:
            self.timer.deadline = deadline
