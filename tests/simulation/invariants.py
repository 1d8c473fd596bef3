"""What must hold after every run, whatever went wrong in it. Each invariant has a name and can be read on its own.

An invariant is a function that yields what it saw when it does not hold. To switch one off, while what it asks for is
still being built, put its name into `OFF`, with the reason.
"""

from collections.abc import Callable, Iterator
from math import inf

from daemon.core.effects import BY_RULE
from daemon.core.journal import (
    Claimed,
    DigitsCollected,
    Diverted,
    Ended,
    Entry,
    KeyPressed,
    MenuChosen,
    ToolCalled,
    WebhookVerified,
)
from daemon.drain import SERVER_GRACE
from daemon.platforms.xai.realtime import SEND_TIMEOUT
from daemon.sandbox.session import Session
from tests.recorded import differing
from tests.simulation.platform import Line
from tests.simulation.scenario import GREETING, PLACES, PROMPT
from tests.simulation.tools import TIMEOUT
from tests.simulation.world import World

_URIS = {name: place.uri for name, place in PLACES.items()}
# Seconds by which the longest call may be longer if it is just being transferred.
_RINGING = 120.0
# Between two attempts to pay a debt.
_LONGEST_PAUSE = 60.0

Finding = tuple[str, str]
Invariant = Callable[[World], Iterator[str]]

OFF: dict[str, str] = {}
"""Names of invariants that are not checked, and why."""

_ALL: list[Invariant] = []


def invariant(check: Invariant) -> Invariant:
    """Have a function checked after each run; its name is the invariant's."""
    _ALL.append(check)
    return check


def names() -> list[str]:
    """Every invariant's name."""
    return [check.__name__ for check in _ALL]


def broken(world: World) -> list[Finding]:
    """Every invariant that did not hold, with what was seen."""
    return [(check.__name__, seen) for check in _ALL if check.__name__ not in OFF for seen in check(world)]


def journal(world: World, line: Line) -> list[tuple[float, Entry]]:
    """A call's journal, with virtual times."""
    return [(at, record.entry) for at, record in world.records if record.call_id == line.call.id]


def claimed(world: World, line: Line) -> bool:
    """Whether the daemon made the call its own."""
    return any(isinstance(entry, Claimed | Diverted) for _, entry in journal(world, line))


def owed(world: World, line: Line) -> bool:
    """Whether the daemon ended with the hang-up still to be paid, and knew it."""
    return any(debt.call_id == line.call.id for debt in world.collector.debts)


def lost(world: World, line: Line) -> bool:
    """Whether the daemon gave the hang-up up, and said so."""
    return any(isinstance(entry, Ended) and entry.receipt.outcome == "lost" for _, entry in journal(world, line))


def clean_up(world: World) -> float:
    """Seconds from the wish to end a call to the end of its task: each step that cannot be hurried, in turn."""
    xai = world.scenario.config.platform.xai
    # A join that is under way, a frame that is being sent, the hang-up, the close of the socket.
    return xai.connect_timeout + SEND_TIMEOUT + xai.hang_up_timeout + xai.close_timeout


@invariant
def the_run_ends_by_itself(world: World) -> Iterator[str]:
    """Nothing waits for ever."""
    if not world.finished:
        yield f"the run had to be stopped; {world.supervisor.live} calls live"


@invariant
def no_bug_is_caught_at_a_boundary(world: World) -> Iterator[str]:
    """The boundaries keep one call's bug from the others; there should be nothing to keep."""
    for event in ("call_failed", "debt_failed", "application_failed", "request_failed", "connection_failed"):
        if event in world.errors:
            yield event


@invariant
def one_receipt_per_claimed_call(world: World) -> Iterator[str]:
    """Every call that was answered `claimed` has exactly one receipt, or is known to be owed; no other call has one."""
    for line in world.lines:
        receipts = sum(isinstance(entry, Ended) for _, entry in journal(world, line))
        told = sum(tried.result == "claimed" for tried in world.sender.deliveries if tried.line == line.name)
        expected = 1 if claimed(world, line) and not owed(world, line) else 0
        if receipts != expected:
            yield f"{line.name} has {receipts} receipts, not {expected}"
        if told > 1:
            yield f"{line.name} was answered `claimed` {told} times"
        if told and not claimed(world, line):
            yield f"{line.name} was answered `claimed`, and is not"


@invariant
def the_journal_is_whole(world: World) -> Iterator[str]:
    """It begins with the webhook and ends with the receipt, and nothing comes after that."""
    for line in world.lines:
        entries = [entry for _, entry in journal(world, line)]
        if entries and not isinstance(entries[0], WebhookVerified):
            yield f"{line.name}'s begins with {type(entries[0]).__name__}"
        if entries and not isinstance(entries[-1], Ended) and not owed(world, line):
            yield f"{line.name}'s ends with {type(entries[-1]).__name__}"
        if sum(isinstance(entry, WebhookVerified) for entry in entries) > 1:
            yield f"{line.name} was claimed twice"


@invariant
def every_leg_is_down(world: World) -> Iterator[str]:
    """No caller of ours is left on the line, unless every request to hang up failed, to the last."""
    for line in world.lines:
        if not claimed(world, line) or line.call.over.is_set():
            continue
        if not line.hang_ups:
            yield f"{line.name} is still connected, and nobody tried to hang up"
        elif any(asked.confirmed for asked in line.hang_ups):
            yield f"{line.name} is still connected, though a hang-up was confirmed"
        elif not owed(world, line) and not lost(world, line):
            yield f"{line.name} is still connected, and its debt was forgotten"


@invariant
def a_failed_hang_up_is_tried_again(world: World) -> Iterator[str]:
    """Until the longest call has passed or the daemon ends; what is owed at its end was tried until then."""
    xai = world.scenario.config.platform.xai
    settle = world.scenario.drain.settle_timeout
    for line in world.lines:
        if line.hang_ups and not line.hang_ups[-1].confirmed:
            last = line.hang_ups[-1].asked_at
            if last < xai.max_call_duration - 2 * _LONGEST_PAUSE and not owed(world, line):
                yield f"{line.name} was given up after the attempt at {last:.3f}"
            elif len(line.hang_ups) == 1 and not owed(world, line):
                yield f"{line.name} was given up after one attempt"
            elif owed(world, line) and not world.scenario.abrupt and settle > 5 and last < world.drained_at:
                yield f"{line.name} was not tried again before the end"


@invariant
def nobody_is_hung_up_twice(world: World) -> Iterator[str]:
    """After a hang-up was answered with 2xx, there is no other for that call."""
    for line in world.lines:
        done = [asked.answered_at for asked in line.hang_ups if asked.status is not None and asked.status < 300]
        late = [asked.asked_at for asked in line.hang_ups if done and asked.asked_at > (done[0] or 0.0)]
        if late or len(done) > 1:
            yield f"{line.name} was hung up at {done[0]:.3f}, and asked for again"


@invariant
def one_socket_at_a_time(world: World) -> Iterator[str]:
    """A call has at most one socket, and every socket is closed."""
    for line in world.lines:
        for earlier, later in zip(line.sockets, line.sockets[1:], strict=False):
            if later.opened_at < earlier.closed_at:
                yield f"{line.name} opened a socket at {later.opened_at:.3f} while another was open"


@invariant
def a_sound_socket_is_closed_with_a_goodbye(world: World) -> Iterator[str]:
    """Nothing that the daemon does by itself leaves the platform with a connection that just ends."""
    for line in world.lines:
        for socket in line.sockets:
            closed = socket.said_goodbye or socket.heard_goodbye
            if socket.joined and not socket.faulty and not closed:
                yield f"{line.name}'s socket opened at {socket.opened_at:.3f} ended without a close frame"


@invariant
def a_dead_line_is_noticed(world: World) -> Iterator[str]:
    """By a ping that nobody answers, if by nothing else."""
    xai = world.scenario.config.platform.xai
    most = xai.ping_interval + xai.ping_timeout + xai.close_timeout + SEND_TIMEOUT
    for line in world.lines:
        for socket in line.sockets:
            if socket.closed_at > socket.deaf_at + most:
                yield f"{line.name} kept a socket until {socket.closed_at:.3f} that was dead at {socket.deaf_at:.3f}"


@invariant
def nobody_is_greeted_twice(world: World) -> Iterator[str]:
    """However many sockets a call needs."""
    for line in world.lines:
        heard = [frame for session in line.call.sessions for frame in session.heard]
        fixed = sum(GREETING in str(frame.get("item")) for frame in heard)
        made_up = sum(PROMPT in str(frame.get("response")) for frame in heard)
        if fixed + made_up > 1:
            yield f"{line.name} was greeted {fixed + made_up} times"


@invariant
def no_tool_runs_twice(world: World) -> Iterator[str]:
    """Each use of a tool is run once at the most, and only if the model asked for it."""
    for line in world.lines:
        runs = [run.use.id for run in world.runs if run.call_id == line.call.id]
        asked = {item.get("call_id") for session in line.call.sessions for item in session.items} | {"fc-again"}
        keys = sum(isinstance(entry, MenuChosen) for _, entry in journal(world, line))
        asked |= {f"{BY_RULE}{number}" for number in range(1, keys + 1)}
        yield from (f"{line.name} ran {use_id} twice" for use_id in {*runs} if runs.count(use_id) > 1)
        yield from (f"{line.name} ran {use_id}, which nobody asked for" for use_id in {*runs} - asked)


@invariant
def an_output_is_told_once(world: World) -> Iterator[str]:
    """On one socket, and on all of them together, unless one broke while it was on its way."""
    for line in world.lines:
        everything: list[str] = []
        for session in line.call.sessions:
            told = outputs(session)
            everything += told
            yield from (f"{line.name} told {use_id} twice" for use_id in {*told} if told.count(use_id) > 1)
        again = {use_id for use_id in everything if everything.count(use_id) > 1}
        if again and not any(socket.faulty for socket in line.sockets):
            yield f"{line.name} told {', '.join(sorted(again))} on two sockets"


@invariant
def what_a_tool_gave_is_told(world: World) -> Iterator[str]:
    """Soon, as long as there is a sound socket to tell it on and the call goes on."""
    most = 2 * TIMEOUT
    for run in world.runs:
        line = world.platform.lines[run.call_id]
        ended_at, socket = run.ended_at, line.sockets[-1]
        # A hang-up, ours or the caller's, comes before the socket's end.
        until = min(socket.closed_at, *(asked.asked_at for asked in line.hang_ups), line.over_at or inf)
        if ended_at is None or socket.faulty or max(ended_at, socket.opened_at) + most > until or until == inf:
            continue
        if not any(run.use.id in outputs(session) for session in line.call.sessions):
            yield f"{line.name} never told what {run.use.id} gave at {ended_at:.3f}"


_TOLD = ("function_call_output", "message")


def outputs(session: Session) -> list[str]:
    """Ids of the uses whose output was told on one socket."""
    items = [frame.get("item", {}) for frame in session.heard]
    told = [item.get("call_id") or item.get("id") for item in items if item.get("type") in _TOLD]
    return [use_id for use_id in told if use_id is not None]


@invariant
def transfers_go_where_they_may(world: World) -> Iterator[str]:
    """To configured places, to the cellar only by a key, and not more often than that is allowed."""
    most = world.scenario.config.limits.max_transfers_per_call
    for line in world.lines:
        targets = [asked.target for asked in line.refers]
        keys = sum(isinstance(entry, MenuChosen) and entry.action == "transfer" for _, entry in journal(world, line))
        yield from (f"{line.name} was sent to {target}" for target in targets if target not in _URIS.values())
        if targets.count(_URIS["cellar"]) > keys:
            yield f"{line.name} was sent to the cellar by nobody's key"
        if len(targets) > most:
            yield f"{line.name} was transferred {len(targets)} times"


@invariant
def a_transfer_is_never_repeated_blindly(world: World) -> Iterator[str]:
    """One at a time; and after one of which nobody knows what became of it, another only if somebody asks anew."""
    for line in world.lines:
        for earlier, later in zip(line.refers, line.refers[1:], strict=False):
            if earlier.answered_at is None or later.asked_at < earlier.answered_at:
                yield f"{line.name} was transferred at {later.asked_at:.3f} while another was under way"
                continue
            anew = any(
                isinstance(entry, ToolCalled) and entry.name == "transfer" and at >= earlier.asked_at
                for at, entry in journal(world, line)
            )
            if earlier.unknown and not anew:
                yield f"{line.name} was transferred at {later.asked_at:.3f} though nobody knows of the one before"


@invariant
def who_was_transferred_is_not_hung_up(world: World) -> Iterator[str]:
    """A transfer that worked, and of which we were told while the call lived, is the receipt."""
    for line in world.lines:
        for asked in line.refers:
            if asked.status != 200 or asked.answered_at is None:
                continue
            if any(hang_up.asked_at > asked.answered_at for hang_up in line.hang_ups):
                yield f"{line.name} was transferred at {asked.answered_at:.3f}, and hung up after that"
            receipts = [entry.receipt for _, entry in journal(world, line) if isinstance(entry, Ended)]
            if receipts and receipts[0].outcome not in ("transferred", "caller_left"):
                yield f"{line.name} was transferred, and its receipt says {receipts[0].outcome}"


@invariant
def usage_is_told_once(world: World) -> Iterator[str]:
    """For each call that was joined, before its receipt."""
    for line in world.lines:
        kinds = [type(entry).__name__ for _, entry in journal(world, line)]
        if kinds.count("Usage") > 1 or ("Joined" in kinds and "Ended" in kinds and "Usage" not in kinds):
            yield f"{line.name} told its usage {kinds.count('Usage')} times"


@invariant
def sensitive_digits_are_nowhere(world: World) -> Iterator[str]:
    """From the moment in which the model asks for them."""
    for line in world.lines:
        hidden = False
        for at, entry in journal(world, line):
            if isinstance(entry, KeyPressed):
                if hidden and entry.digit is not None:
                    yield f"{line.name} shows a key at {at:.3f}"
                hidden = hidden or entry.digit is None
            if isinstance(entry, DigitsCollected) and hidden and entry.digits is not None:
                yield f"{line.name} shows digits at {at:.3f}"


@invariant
def a_session_is_configured_first(world: World) -> Iterator[str]:
    """Whatever is sent on a socket, `session.update` is sent before it, and once."""
    for line in world.lines:
        for session in line.call.sessions:
            types = [frame["type"] for frame in session.heard]
            if types and (types[0] != "session.update" or types.count("session.update") > 1):
                yield f"{line.name} got {', '.join(types[:4])}"


@invariant
def nothing_is_left_open(world: World) -> Iterator[str]:
    """When the daemon has ended, it holds no call and no connection."""
    if world.live_at_end:
        yield f"{world.live_at_end} calls were in progress"
    if world.finished:
        for name, wires in (("platform", world.platform.wires), ("webhook", world.listener.wires)):
            left = sum(wire.left_open for wire in wires)
            if left:
                yield f"{left} streams to the {name} are open"


@invariant
def the_drain_keeps_its_deadline(world: World) -> Iterator[str]:
    """Calls end by the deadline and what cleaning up may take; the daemon, by what its debts may take on top."""
    drain = world.scenario.drain
    deadline = 0.0 if world.scenario.abrupt else drain.deadline
    took = world.drained_at - world.closed_at
    if took > deadline + clean_up(world):
        yield f"the calls took {took:.3f} s, with a deadline of {deadline:g} s"
    ended = world.ended_at - world.closed_at
    if ended > max(deadline + clean_up(world), SERVER_GRACE + SEND_TIMEOUT) + drain.settle_timeout:
        yield f"the daemon took {ended:.3f} s, with a deadline of {deadline:g} s"


@invariant
def deliveries_are_answered_as_they_deserve(world: World) -> Iterator[str]:
    """A repeat of what was claimed is a duplicate; what is not signed is refused; nothing ends in a 5xx of ours."""
    for tried in world.sender.deliveries:
        if tried.answer is None:
            continue
        if tried.answer.status not in (200, 400, 401, 408, 503):
            yield f"{tried.line} {tried.webhook_id} sent at {tried.sent_at:.3f} was answered {tried.answer.status}"
        if tried.kind in ("bad signature", "no signature") and tried.answer.status != 401:
            yield f"{tried.line}: {tried.kind} was answered {tried.answer.status}"
        if tried.believable and tried.whole and tried.answer.status not in (200, 503):
            yield f"{tried.line}: an honest delivery was answered {tried.answer.status}"
        known = [
            other.answered_at
            for other in world.sender.deliveries
            if other.line == tried.line and other.result == "claimed" and other.answered_at is not None
        ]
        repeat = bool(known) and tried.sent_at > known[0] and tried.believable and tried.whole
        if repeat and tried.result not in ("duplicate", "stale"):
            yield f"{tried.line}: a repeat at {tried.sent_at:.3f} was answered {tried.answer.status} {tried.result}"


@invariant
def calls_keep_their_limits(world: World) -> Iterator[str]:
    """No call lasts longer than it may, or much longer than its caller; and receipts measure it rightly."""
    config = world.scenario.config
    xai, agent = config.platform.xai, config.agents["support"]
    rejoining = config.recovery.rejoin_window + xai.connect_timeout
    most = (
        xai.join_budget + xai.connect_timeout + agent.max_duration + agent.goodbye_timeout + rejoining + clean_up(world)
    ) + _RINGING
    for line in world.lines:
        entries = journal(world, line)
        for at, entry in entries:
            if not isinstance(entry, Ended):
                continue
            lasted = at - entries[0][0]
            known = at - min(tried.sent_at for tried in world.sender.deliveries if tried.line == line.name)
            if not lasted - 0.001 <= entry.receipt.seconds <= known + 0.001:
                yield f"{line.name} lasted {lasted:.3f} s, and its receipt says {entry.receipt.seconds:.3f} s"
            failed = any(not asked.confirmed for asked in line.hang_ups)
            if lasted > most and not failed:
                yield f"{line.name} lasted {lasted:.3f} s, and may last {most:.3f} s"


@invariant
def no_call_outlives_its_caller(world: World) -> Iterator[str]:
    """When the leg is down, the daemon finds out, in the worst case by a ping, and is done soon."""
    xai = world.scenario.config.platform.xai
    window = world.scenario.config.recovery.rejoin_window
    most = xai.ping_interval + xai.ping_timeout + max(window, xai.join_budget) + clean_up(world)
    for line in world.lines:
        down_at = line.over_at
        failed = any(not asked.confirmed for asked in line.hang_ups)
        for at, entry in journal(world, line):
            if isinstance(entry, Ended) and down_at is not None and at > down_at + most and not failed:
                yield f"{line.name}'s leg was down at {down_at:.3f}, and the call ended at {at:.3f}"


@invariant
def a_recorded_call_plays_again_alike(world: World) -> Iterator[str]:
    """A conversation is a function of what it was given and when: given it again, it does the same."""
    hidden = {record.call_id for _, record in world.records if _told_apart_by_secret_keys(record.entry)}
    for call_id, text in world.recorder.texts.items():
        found = [] if call_id in hidden else differing(text, world.scenario.config)
        if found:
            yield f"{world.platform.lines[call_id].name} would be different: {found[0]}"


def _told_apart_by_secret_keys(entry: Entry) -> bool:
    """Whether something may follow from which keys were pressed, though a recording holds others in their place."""
    match entry:
        case MenuChosen(keys=None):
            return True
        case DigitsCollected(digits=None, count=count):
            return count < 3  # which may be one of the numbers that the model writes
        case _:
            return False
