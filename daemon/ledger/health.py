"""Whether the ledger works, as everybody in this room sees it. Imports Trio, errors and this room's failures only."""

import structlog
import trio

from daemon.errors import LedgerUnavailable
from daemon.ledger.failures import LedgerCorrupt, Unwritable


class Health:
    """Up or down. Once down, nothing is tried any more but by the mender, so that no caller waits for a time-out."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.why = "" if up else "it was not opened yet"
        """What was wrong last."""
        self.corrupt: LedgerCorrupt | None = None
        """Set while the file itself is what is wrong."""
        self.times = 0
        """How often it came back: a failure that began before is none any more."""
        self._last: LedgerUnavailable | None = None
        self.changed = trio.Event()

    def fail(self, error: LedgerUnavailable, since: int | None = None) -> None:
        """Note that it does not work; said once, until it works again.

        `since` is what `times` was when that began which failed now.
        """
        if error is self._last:
            return  # the database has told us itself
        self._last = error
        if isinstance(error, Unwritable):
            structlog.get_logger().error("ledger_did_not_take_it", why=str(error))
            return
        if since is not None and since != self.times:
            return
        if isinstance(error, LedgerCorrupt):
            self.corrupt = error
        if self.up or self.why != str(error):
            structlog.get_logger().error("ledger_down", why=str(error))
        self.up, self.why = False, str(error)
        self._announce()

    def recover(self) -> None:
        """Note that it works again."""
        self.up, self.why, self.corrupt = True, "", None
        self.times += 1
        self._announce()

    def _announce(self) -> None:
        self.changed.set()
        self.changed = trio.Event()
