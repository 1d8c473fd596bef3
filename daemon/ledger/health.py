"""Whether the ledger works, as everybody in this room sees it. Imports Trio, errors and observe only."""

import structlog
import trio

from daemon.errors import LedgerUnavailable
from daemon.ledger.failures import LedgerCorrupt


class Health:
    """Up or down. Once down, nothing is tried any more but by the mender, so that no caller waits for a time-out."""

    def __init__(self) -> None:
        self.up = True
        self.why = ""
        """What was wrong last."""
        self.corrupt = False
        """Whether the file itself is what is wrong."""
        self.changed = trio.Event()

    def fail(self, error: LedgerUnavailable) -> None:
        """Note that it does not work; said once, until it works again."""
        self.corrupt = self.corrupt or isinstance(error, LedgerCorrupt)
        if self.up or self.why != str(error):
            structlog.get_logger().error("ledger_down", why=str(error))
        self.up, self.why = False, str(error)
        self._announce()

    def recover(self) -> None:
        """Note that it works again."""
        self.up, self.why, self.corrupt = True, "", False
        self._announce()

    def _announce(self) -> None:
        self.changed.set()
        self.changed = trio.Event()
