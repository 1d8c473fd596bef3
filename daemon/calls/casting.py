"""Casting: which agent takes a call, and what it is told; found out while the call is being joined.

Plain rules over what `preparing.py` finds out. One for each call; imports Trio, core, lookup and this room's roles.
"""

from collections.abc import Mapping

import msgspec
import structlog
import trio

from daemon import __version__
from daemon.calls.roles import Role
from daemon.core.agent import Agent
from daemon.core.incoming import IncomingCall
from daemon.core.recording import FORMAT, Opened
from daemon.lookup.answer import NO_ANSWER, named_agent


class Casting:
    """Who takes one call."""

    def __init__(self, roles: Mapping[str, Role], name: str, *, adopted: bool = False) -> None:
        self._roles = roles
        self._adopted = adopted
        self.document: object = NO_ANSWER
        """What the lookup answered, if it did."""
        self.role = roles[name]
        """The agent that takes the call, as far as is known."""
        self.known = trio.Event()
        """Set once there is nothing more to wait for: the call can be configured."""
        self.earlier: str | None = None
        """The call whose conversation the caller goes on with, if there is one."""

    def learn(self, document: object) -> None:
        """Take what the lookup answered. A call that was somebody's before stays with the agent it had."""
        name = named_agent(self.role.written.lookup, document)
        if name is not None and not self._adopted:
            other = self._roles.get(name)
            if other is None:
                # Not which one: it came from elsewhere.
                structlog.get_logger().warning("lookup_names_no_agent", fix="have it name an agent from [agents]")
            else:
                self.role = other
        self.document = document

    def cast(self, incoming: IncomingCall, at: float) -> Agent:
        """The agent with its words, at this Unix time."""
        return self.role.play(incoming, at, self.document, redial=self._goes_on)

    @property
    def _goes_on(self) -> bool:
        """Whether the caller goes on with an earlier conversation."""
        return self.earlier is not None and self.role.written.resumption

    def opening(self, incoming: IncomingCall, now: float, at: float) -> Opened:
        """All of which the agent was made, for a recording."""
        return Opened(
            now=now,
            format=FORMAT,
            build=__version__,
            call_id=incoming.call_id,
            agent=self.role.agent.name,
            called=incoming.called,
            caller=incoming.caller,
            headers=incoming.headers,
            at=at,
            document=msgspec.UNSET if self.document is NO_ANSWER else self.document,
            redial=self._goes_on,
        )
