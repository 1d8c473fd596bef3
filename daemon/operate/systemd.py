"""Telling systemd how we are: `sd_notify`'s datagrams, and nothing when nobody listens.

The protocol is one datagram of `KEY=value` lines to `$NOTIFY_SOCKET` (sd_notify(3)); a leading `@` means Linux's
abstract namespace. Made once at the start by whoever starts the daemon, and taken out of the environment then, so that
no child of ours speaks in our name. Imports the standard library only. Never raises; waits only with the two words that
decide whether we live, and a second at the most.
"""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

_LONGEST_STATUS = 400
_MICROSECONDS = 1_000_000
# Without READY, systemd kills us when the start has taken too long; without STOPPING, it counts no time.
_PATIENCE = 1.0


class Notifier:
    """Where systemd wants to hear from us, if anywhere."""

    def __init__(self, address: str = "", *, watchdog: float = 0.0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog
        """Seconds of silence after which systemd takes us for hung; 0 if it doesn't watch."""
        self._status = ""

    @property
    def heard(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    @classmethod
    def take_over(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Take systemd's wishes out of the environment; what is meant for another process is only taken out."""
        address = environment.pop("NOTIFY_SOCKET", "")
        interval = environment.pop("WATCHDOG_USEC", "")
        watched = environment.pop("WATCHDOG_PID", "")
        ours = watched in ("", str(os.getpid()))
        seconds = int(interval) / _MICROSECONDS if ours and interval.isascii() and interval.isdigit() else 0.0
        return cls(address, watchdog=seconds if address else 0.0)

    def ready(self, status: str) -> None:
        """Started, or done with reloading, whatever came of it."""
        self._tell(_PATIENCE, READY=1, STATUS=status)

    def reloading(self, status: str) -> None:
        """About to reload; `ready` must follow."""
        # From 253 on, systemd looks at the time, to know this reload from an earlier one.
        self._tell(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, STATUS=status)

    def stopping(self, status: str) -> None:
        """On our way out."""
        self._tell(_PATIENCE, STOPPING=1, STATUS=status)

    def status(self, status: str) -> None:
        """One line for `systemctl status`; sent only if it is another one than before."""
        if _line(status) != self._status:
            self._tell(STATUS=status)

    def extend(self, seconds: float) -> None:
        """Ask not to be given up on for so many seconds from now; to be asked again before they are over."""
        self._tell(EXTEND_TIMEOUT_USEC=int(seconds * _MICROSECONDS))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell(WATCHDOG=1)

    def failed(self, status: str, number: int) -> None:
        """Say why we end: in words, and as an errno, unless that is 0."""
        self._tell(STATUS=status, **({"ERRNO": number} if number else {}))

    def _tell(self, patience: float = 0.0, /, **fields: str | int) -> None:
        if not self._address:
            return
        if "STATUS" in fields:
            self._status = fields["STATUS"] = _line(str(fields["STATUS"]))
        lines = "\n".join(f"{key}={value}" for key, value in fields.items())
        # A lost word to systemd is no reason to fail a call; its own watchdog notices if it mattered.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(patience)
            sender.connect(self._address)  # or the wait would not be for its queue
            sender.send(lines.encode())


def _line(status: str) -> str:
    """A status is one line, or its rest would be taken for other fields."""
    return " ".join(status.split())[:_LONGEST_STATUS]
