"""One call, as everybody who may act on it sees it: what it is, and the few plain things that can be done to it.

Nothing here waits. The tasks that do are in `attending.py` (from joining to the receipt), `talking.py` (one socket's
reader, writer and timer) and `transfer.py`; they share this object. Imports core, observe and this room; never decides
who is let in.
"""

from collections import Counter
from collections.abc import Sequence

import trio

from daemon.calls.casting import Casting
from daemon.calls.outbox import Outbox
from daemon.calls.setting import Setting
from daemon.calls.toolbox import Toolbox
from daemon.core import inputs, journal
from daemon.core.agent import Agent
from daemon.core.commands import Command, HangUp, Remember, RunTool, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.effects import Effect
from daemon.core.frames import SessionUpdate
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import ELSEWHERE, Debt, Outcome, Receipt, without_words
from daemon.ledger.epochs import Orphan
from daemon.observe.recorder import Recording
from daemon.platforms.base import Line
from daemon.tools.base import Answer


class Call:
    """A call in progress."""

    reasons: tuple[str, ...] = ()
    outcome: Outcome | None = None
    """How it ended, once that is known without hanging up."""
    because: tuple[str, ...] = ()
    """What stands behind every reason: why the call was diverted, if it was."""
    line: Line | None = None
    """The present socket, or the last one."""
    line_opened_at: float = 0.0
    _joined_at: float = 0.0
    transfers: int = 0
    """Transfers that are under way."""
    errands: trio.Nursery | None = None
    """Where transfers and tools run; exists while the call is attended to."""
    receipt: Receipt | None = None
    casting: Casting | None = None
    """Who takes the call, and what they are told; None for one whose agent is given, and knows all it says."""
    former: Orphan | None = None
    """How it stood when it was taken over from an owner that is no more, if it was."""
    effects: tuple[Effect, ...] = ()
    """Its tools before it was taken over."""
    recording: Recording | None = None
    """What its conversation is given, if that is recorded."""
    _begun: bool = False
    """Whether its agent is at work."""
    claimed: bool = False
    """Whether it is known to be ours."""
    owed: bool = False
    """Whether the collector has taken over the hang-up, and with it the receipt."""
    leaving_line: bool = False
    """Whether the present socket is given up for another one."""
    given_up: bool = False
    """Whether it is left to whoever adopts it."""

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
        self._dropped: Counter[str] = Counter()
        """Frames discarded unread on earlier sockets."""
        self.toolbox = Toolbox(self)
        self.reached = trio.Event()
        """Set once a socket is open, or it is known that there will be none."""
        self.spoken = trio.Event()
        """Set once a frame of ours was sent."""
        self.state_began = trio.current_time()
        """When it became what it is now, in seconds of the monotonic clock."""
        self.limits: dict[str, float] = {}
        """When our patience with the platform ends, by the name of the key that says how long it lasts."""

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
            self.state_began = trio.current_time()
            self.limits.clear()
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

    def hand_over(self, *reasons: str) -> None:
        """End our part in the call, and leave its caller to whoever adopts it."""
        if not self.ending.is_set():
            self.given_up = True
        self.over("handed_over", *reasons)

    @property
    def between_turns(self) -> bool:
        """Whether this is a good moment to leave the call to another daemon."""
        talking = self.joined and not self.transfers and not self.ending.is_set()
        return talking and self.conversation.between_turns(trio.current_time())

    @property
    def can_be_rejoined(self) -> bool:
        """Whether there is a talk on a socket, which could go on on another one."""
        return self.joined and not self.transfers and not self.ending.is_set() and not self.leaving_line

    def rejoin(self) -> None:
        """Give up the present socket, and go on on a new one, as after a break; `reached` tells what came of it."""
        self.leaving_line, self.reached = True, trio.Event()
        self.scope.cancel(reason="joining again")

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
        if self.given_up:
            # Before anything that may take its time: whatever the ledger does, there is nothing for us to hang up.
            self.receipt = receipt
            await self.setting.ledger.release(self.id, joined=self.joined)
        elif not await self.setting.ledger.settle(self.id, receipt, events):
            receipt = receipt.elsewhere()
        self.receipt = receipt
        self._remember_usage()
        self.remember(journal.Ended(receipt=receipt, events=events))
        self._stop_recording(receipt.outcome)

    def owe(self) -> None:
        """Hand what is not settled yet, and with it the receipt, to the debt collector."""
        self.owed = True
        self._remember_usage()
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
        self._stop_recording(None)

    def _stop_recording(self, outcome: str | None) -> None:
        if self.recording is not None:
            self.recording.closed(trio.current_time(), self.reasons, outcome)

    @property
    def cost(self) -> float:
        """What it has cost so far, until that is noted."""
        usage = self.conversation.usage(trio.current_time() - self._joined_at)
        return usage.cost if self.joined and not self.settled else 0.0

    def _remember_usage(self) -> None:
        if self.joined:
            self.remember(self.conversation.usage(trio.current_time() - self._joined_at))

    def take(self, line: Line) -> None:
        """Go on on a new socket."""
        if self.line is None:
            self._joined_at = trio.current_time()
        else:
            self._dropped.update(self.line.dropped)
        self.line, self.line_opened_at, self.leaving_line = line, trio.current_time(), False
        self.state_began = self.line_opened_at
        self.limits.pop("join", None)
        self.reached.set()

    def _events(self) -> dict[str, int]:
        return dict(self.conversation.seen + self._dropped + Counter(self.line.dropped if self.line else {}))

    def begin(self) -> None:
        """Configure and greet, on the call's first socket; a caller who was greeted before is not greeted again."""
        self.remember(journal.Joined(seconds=self.since_webhook()))
        if self.casting is not None:
            self._cast(self.casting)
        if self.former is None or not self.former.joined:
            self.obey(self.feed(inputs.Started()))
        else:
            self.obey(self.feed(inputs.Adopted(age=self.since_webhook(), effects=self.effects)))

    def feed(self, given: inputs.Input) -> list[Command]:
        """Give the conversation an input, now; gives what it wants done. The only way anything is told to it."""
        now, conversation = trio.current_time(), self.conversation
        end_key = conversation.handset.end_key  # before it ends the entry
        commands = inputs.apply(conversation, given, now)
        if self.recording is not None:
            hides, deadline = conversation.handset.hides, conversation.deadline
            self.recording.fed(given, commands, now, deadline, hides_keys=hides, end_key=end_key)
        return commands

    def _cast(self, casting: Casting) -> None:
        """Give the call its agent, before a word is said; nobody has fed the conversation so far."""
        before, at = self.conversation.agent, self.setting.wall()
        agent = casting.cast(self.incoming, at)
        self.conversation = Conversation(agent, ready_timeout=self.setting.config.platform.xai.ready_timeout)
        self._begun = True
        if self.setting.recorder is not None:
            keypad = agent.keypad
            self.recording = self.setting.recorder.open(self.id, meaning="".join((keypad.terminator, *keypad.menu)))
            self.recording.write(casting.opening(self.incoming, trio.current_time(), at))
        if casting.earlier is not None:
            self.remember(journal.Continued(earlier=casting.earlier))
        if agent.name != before.name:
            self.remember(journal.AgentChosen(agent=agent.name))
            if self.errands is not None:
                self.errands.start_soon(
                    self.setting.ledger.assign, self.id, agent.name, name=f"note of agent {self.id}"
                )

    def inform(self) -> None:
        """Something was learnt of the caller; an agent that is talking already is told at once."""
        if self.casting is not None and self._begun:
            at = self.setting.wall()
            words = self.casting.cast(self.incoming, at).session.instructions or ""
            learnt = inputs.Instructed(instructions=words, document=self.casting.document, at=at)
            self.obey(self.feed(learnt))

    def resume(self) -> None:
        """Configure a new socket's session, ahead of everything that waits to be sent."""
        update, *rest = self.feed(inputs.Resumed())
        if isinstance(update, SendFrame) and isinstance(update.frame, SessionUpdate):
            self.outbox.restart(update.frame)
        self.obey(rest)

    @property
    def tool_uses(self) -> set[str]:
        """Ids of all uses of tools that we run, those of before a crash included."""
        return self.conversation.tool_uses

    def take_entry(self, reference: str) -> str | None:
        """Give out, once, what the caller typed for a tool's eyes only."""
        return self.conversation.handset.entries.take(reference)

    def tool_done(self, use_id: str, answer: Answer) -> None:
        """Let the conversation have what a tool gave."""
        self.obey(self.feed(inputs.ToolDone(use_id=use_id, output=answer.output, why=answer.why)))

    def obey(self, commands: Sequence[Command]) -> None:
        """Carry out what the conversation wants, in order, without waiting.

        Errors: `OutboxFull` if the platform has long stopped taking frames.
        """
        for command in commands:
            match command:
                case SendFrame(frame):
                    self.outbox.put(frame)
                case HangUp(reasons):
                    self.hang_up(*(reasons if self.setting.config.ledger.transcripts else without_words(reasons)))
                case Remember(entry):
                    self.remember(entry)
                case RunTool(use):
                    self.toolbox.run(use)
        # Every word moves it further away; then the timer finds out by itself when it wakes, which is cheaper.
        if (deadline := self.conversation.deadline) < self.timer.deadline:
            self.timer.deadline = deadline
