"""The daemon as an operator sees it: what can be looked at, and what can be asked of it.

The API, the console and the signals hold this and nothing below it; `control.py` is what stands behind it. Imports
core's snapshots only.
"""

from typing import Protocol

from daemon.core.snapshots import Action, CallDetail, CallView, Reloaded, Status, TaskView


class Desk(Protocol):
    """What operators may do. `who` says who asks; it becomes part of the chain of reasons."""

    def status(self) -> Status:
        """How the daemon is."""
        ...

    def calls(self) -> tuple[CallView, ...]:
        """The calls in progress here, oldest first."""
        ...

    def call(self, call_id: str) -> CallDetail | None:
        """One of them."""
        ...

    def tree(self) -> TaskView:
        """Every task of ours, and what it waits for."""
        ...

    async def hang_up(self, call_id: str, reason: str, who: str) -> Action | None:
        """End a call, and wait for its receipt, for ten seconds at most; None if there is no such call.

        Cancelling ends the wait only.
        """
        ...

    def transfer(self, call_id: str, destination: str, who: str) -> Action | None:
        """Begin to transfer a caller; None if there is no such call. Errors: `NotNow`, `NoSuchDestination`."""
        ...

    def pause(self, who: str) -> Action:
        """Take no more calls, until `resume`. Errors: `NotNow`."""
        ...

    def resume(self, who: str) -> Action:
        """Take calls again; also calls off a drain, as long as that is possible. Errors: `NotNow`."""
        ...

    def drain(self, who: str, *, now: bool) -> Action:
        """Stop the daemon once its calls have ended by themselves, or, with `now`, once they are hung up."""
        ...

    async def reload(self, who: str) -> Reloaded:
        """Load the configuration anew, for new calls.

        Errors: `ConfigError` if it can't be used; then nothing has changed. `NotNow`. Cancelling ends the wait only.
        """
        ...
