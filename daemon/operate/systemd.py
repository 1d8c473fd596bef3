"""Telling systemd how we are: `sd_notify`'s datagrams, and nothing when nobody listens.

The protocol is one datagram of `KEY=value` lines to `$NOTIFY_SOCKET` (sd_notify(3)); a leading `@` means Linux's
abstract namespace. Imports the standard library only. Never raises, never waits.
"""

import contextlib
import os
import socket
import time


class Notifier:
    """Where systemd wants to hear from us, if anywhere."""

    def __init__(self, address: str | None = None) -> None:
        address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def reloading(self) -> None:
        """Say that the configuration is being loaded; must be followed by `READY=1`."""
        # systemd compares it with the moment at which it asked us to.
        self.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, STATUS="reloading the configuration")

    def tell(self, **fields: str | int) -> None:
        """Send fields such as `READY=1` and `STATUS="3 calls"` in one datagram."""
        if not self._address:
            return
        lines = "\n".join(f"{key}={value}" for key, value in fields.items())
        # A lost word to systemd is no reason to fail a call; its own watchdog notices if it mattered.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(lines.encode(), self._address)
