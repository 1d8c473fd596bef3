"""systemd's journal, by its native protocol: a line with fields, so that `journalctl CALL_ID=...` finds a call.

One datagram per line: `NAME=value`, or for a value with line breaks the name, a little-endian 64-bit length, and the
value (systemd's JOURNAL_NATIVE_PROTOCOL). The message itself is the JSON that other formats write. Imports the standard
library only; blocking, so it belongs into the log's thread.
"""

import os
import socket
import struct
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
FIELDS = ("event", "call_id", "number", "agent", "node", "epoch")
"""What of a line becomes a field of its own, under its name in capitals."""
_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
# Below what a datagram can hold; only a traceback of a very deep error comes near.
_LONGEST = 100_000


def is_listening(stream_fd: int, env: Mapping[str, str]) -> bool:
    """Whether this descriptor leads to the journal: systemd says which one does (systemd.exec(5))."""
    try:
        status = os.fstat(stream_fd)
    except OSError:
        return False
    return env.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def priority(level: object) -> int:
    """Syslog's number for a level of ours."""
    return _PRIORITIES.get(str(level), 6)


def encode(level: str, message: str, fields: Mapping[str, object]) -> bytes:
    """A line as a datagram."""
    text = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
    parts = [
        _field("MESSAGE", text),
        _field("PRIORITY", str(priority(level))),
        _field("SYSLOG_IDENTIFIER", "callwarden"),
    ]
    parts += [_field(name.upper(), str(fields[name])) for name in FIELDS if name in fields]
    return b"".join(parts)


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="replace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)


class Journal:
    """A connection to the journal."""

    def __init__(self, path: str = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send(self, datagram: bytes) -> None:
        """Send a line; waits while the journal is busy. Errors: `OSError`."""
        self._socket.send(datagram)

    def close(self) -> None:
        """Close."""
        self._socket.close()
