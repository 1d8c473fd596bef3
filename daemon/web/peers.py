"""Who is at the other end of a Unix socket, by the kernel's word. Imports Trio and the standard library only."""

import socket
import struct

import msgspec
import trio

_UCRED = struct.Struct("3i")


class Peer(msgspec.Struct, frozen=True):
    """A process on this machine, as it was when it connected."""

    pid: int
    uid: int
    gid: int


def peer_of(stream: trio.abc.Stream) -> Peer | None:
    """The peer of a Unix socket; None for every other stream. An application finds it in its scope's state."""
    if not isinstance(stream, trio.SocketStream) or stream.socket.family != socket.AF_UNIX:
        return None
    try:
        credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except OSError:  # already gone
        return None
    return Peer(*_UCRED.unpack(credentials))
