"""Opening byte streams to the platform: TCP, and TLS where the URL says so. Owned by `realtime.py`, one per process.

Imports Trio and this room's streams. Never retries, never sets a deadline: the caller does.
"""

import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import trio

from daemon.platforms.xai.ears import Ears
from daemon.platforms.xai.ready_stream import ReadyStream
from daemon.platforms.xai.tls_stream import AudibleTls, Resumption

Dial = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a byte stream to the platform, TLS included. Raises OSError or trio.BrokenResourceError."""


def tcp_dial(websocket_url: str, context: ssl.SSLContext, ears: Ears | None = None) -> Dial:
    """Dial a `ws://` or `wss://` URL over TCP, trying the host's addresses side by side.

    With ears, they read the sockets; without, each socket's reader does. TLS sessions are resumed from one connection
    to the next, which halves the cost of a handshake.
    """
    url = urlsplit(websocket_url)
    host, tls = url.hostname or "", url.scheme == "wss"
    port = url.port or (443 if tls else 80)
    resumption = Resumption()

    async def dial() -> trio.abc.Stream:
        stream = ReadyStream(await trio.open_tcp_stream(host, port), ears)
        if not tls:
            return stream
        secure = AudibleTls(stream, context, host, resumption)
        try:
            await secure.handshake()
        except BaseException:
            await trio.aclose_forcefully(secure)
            raise
        return secure

    return dial
