"""Casting: which agent takes a call, and what it is told; found out while the call is being joined.

Plain rules over what `preparing.py` finds out. One for each call; imports Trio, core, lookup and this room's roles.
"""

from collections.abc import Mapping

import structlog
import trio

from daemon.calls.roles import Role
from daemon.core.agent import Agent
from daemon.core.incoming import IncomingCall
from daemon.lookup.answer import NO_ANSWER, named_agent


class Casting:
    """Who takes one call."""

    def __init__(self, roles: Mapping[str, Role], name: str, *, adopted: bool = False) -> None:
        self._roles = roles
        self._adopted = adopted
        self._document: object = NO_ANSWER
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
        self._document = document

    def cast(self, incoming: IncomingCall, at: float) -> Agent:
        """The agent with its words, at this Unix time."""
        redial = self.earlier is not None and self.role.written.resumption
        return self.role.play(incoming, at, self._document, redial=redial)
