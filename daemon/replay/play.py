"""Playing a recording: a conversation of today is given what the recorded one was given, at the same times.

Its clock is the recording's. A deadline that the recorded conversation had too came when the recording says; one that
it did not have comes when it is due. A tool is not run: it gives what it gave then, if it was used then. Plain; imports
calls' roles, core and this room.
"""

from math import inf
from typing import Any

import msgspec

from daemon.calls.roles import Role
from daemon.core.agent import Agent
from daemon.core.conversation import Conversation
from daemon.core.events import ErrorReported
from daemon.core.incoming import IncomingCall
from daemon.core.inputs import Input, Instructed, Received, Resumed, Woken, apply
from daemon.core.recording import Fed, input_of, wanted
from daemon.lookup.answer import NO_ANSWER
from daemon.replay.recordings import Take


class Act(msgspec.Struct, frozen=True):
    """Something that a conversation wanted done."""

    at: float
    """Seconds since it began."""
    wanted: dict[str, Any]


def acts_of(take: Take) -> list[Act]:
    """What the recorded conversation wanted done."""
    return [Act(line.now - take.opened.now, each) for line in take.fed for each in line.wanted]


def play(take: Take, role: Role, *, ready_timeout: float) -> list[Act]:
    """What this agent would have wanted done."""
    player = _Player(take, role, ready_timeout)
    for line in take.fed:
        player.pass_time(line.now)
        player.give(line)
    if take.closed is not None:
        player.pass_time(take.closed.now)
    return player.acts


class _Player:
    """One conversation while it is played."""

    def __init__(self, take: Take, role: Role, ready_timeout: float) -> None:
        self.acts: list[Act] = []
        self._opened = take.opened
        self._role = role
        document = NO_ANSWER if take.opened.document is msgspec.UNSET else take.opened.document
        agent = self._agent(take.opened.at, document)
        self._conversation = Conversation(agent, ready_timeout=ready_timeout)
        self._their_deadline = inf
        self._theirs = [each for line in take.fed for each in line.wanted if _sends(each)]

    def pass_time(self, until: float) -> None:
        """Let the deadlines pass that only this conversation has."""
        passed = -inf
        while passed < self._conversation.deadline < until and self._conversation.deadline != self._their_deadline:
            passed = self._conversation.deadline
            self._feed(Woken(), passed)

    def give(self, line: Fed) -> None:
        """Give it what the other one was given."""
        self._their_deadline = inf if line.deadline is None else line.deadline
        given = input_of(line)
        match given:
            case Resumed() if self._conversation.ended:
                return
            case Instructed(document=document, at=at):
                given = Instructed(instructions=self._agent(at, document).session.instructions or "")
            case Received(event=ErrorReported() as complaint):
                given = Received(event=self._translated(complaint))
            case _:
                pass
        self._feed(given, line.now)

    def _feed(self, given: Input, now: float) -> None:
        commands = apply(self._conversation, given, now)
        # As they are when they come out of a file, or nothing would equal anything.
        written = (msgspec.json.decode(msgspec.json.encode(each)) for each in wanted(commands))
        self.acts += [Act(now - self._opened.now, each) for each in written]

    def _agent(self, at: float, document: object) -> Agent:
        """The agent with its words, from what was known at this Unix time."""
        opened = self._opened
        incoming = IncomingCall(
            call_id=opened.call_id,
            webhook_id="",
            called=opened.called,
            caller=opened.caller,
            created_at=None,
            headers=opened.headers,
            received_at=opened.now,
        )
        return self._role.play(incoming, at, document, redial=opened.redial)

    def _translated(self, complaint: ErrorReported) -> ErrorReported:
        """The platform's complaint about a frame of the other conversation, made one about the same frame of ours."""
        error = complaint.error
        ids = [each["frame"].get("event_id") for each in self._theirs]
        if error is None or error.event_id not in ids:
            return complaint
        place = ids.index(error.event_id)
        bare = without_number(self._theirs[place])
        # The same may have been sent several times, as a session is configured on each line.
        before = sum(without_number(each) == bare for each in self._theirs[:place])
        ours = [act.wanted["frame"].get("event_id") for act in self.acts if without_number(act.wanted) == bare]
        event_id = ours[before] if before < len(ours) else None
        return msgspec.structs.replace(complaint, error=msgspec.structs.replace(error, event_id=event_id))


def without_number(wanted: dict[str, Any]) -> dict[str, Any]:
    """A command without the number of its frame, which is only its place among all frames."""
    if not _sends(wanted):
        return wanted
    return {**wanted, "frame": {key: value for key, value in wanted["frame"].items() if key != "event_id"}}


def _sends(wanted: dict[str, Any]) -> bool:
    return "frame" in wanted
