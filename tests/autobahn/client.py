"""The product's WebSocket as the Autobahn test suite wants a client to be: it sends back whatever it is sent.

Everything below the messages is the daemon's own: dialling, ears, the sieve, the library as it is configured, and the
way in which a socket is given up and closed. Only what a message means is another thing here.
"""

from contextlib import closing, nullcontext, suppress

import msgspec
import trio
from trio_websocket import ConnectionClosed

from daemon.errors import PlatformError
from daemon.platforms.xai import tls_context
from daemon.platforms.xai.dialling import tcp_dial
from daemon.platforms.xai.ears import Ears
from daemon.platforms.xai.realtime import Realtime
from tests.configured import configuration

CASE_TIMEOUT = 100.0
LARGEST = 17 * 1024 * 1024
"""Bytes; cases 9 send messages of up to 16 MiB."""


class Client:
    """Talks to a fuzzing server."""

    def __init__(self, address: str, *, filter_audio: bool) -> None:
        self.agent = f"callwarden, filter_audio = {str(filter_audio).lower()}"
        self._address = address
        self._config = msgspec.structs.replace(
            configuration().platform.xai, filter_audio=filter_audio, max_message=LARGEST
        )

    async def run(self) -> None:
        """Take part in every case, and have the report written."""
        with closing(Ears()) as ears:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ears.hear, name="ears")
                (count,) = await self._exchange(ears, "getCaseCount", {})
                for case in range(1, int(count) + 1):
                    with trio.move_on_after(CASE_TIMEOUT):
                        await self._exchange(ears, "runCase", {"case": str(case), "agent": self.agent})
                await self._exchange(ears, "updateReports", {"agent": self.agent})
                nursery.cancel_scope.cancel(reason="all cases were tried")

    async def _exchange(self, ears: Ears, path: str, query: dict[str, str]) -> list[str | bytes]:
        """Open a socket, and send back what comes until it is closed; gives all of that."""
        config = msgspec.structs.replace(self._config, websocket_url=f"ws://{self._address}/{path}")
        realtime = Realtime(config, tcp_dial(config.websocket_url, tls_context(""), ears))
        heard: list[str | bytes] = []
        refused = suppress(PlatformError) if path == "runCase" else nullcontext()
        with refused:
            async with realtime._open(query, path) as line:
                with suppress(ConnectionClosed):
                    while True:
                        heard.append(await line._socket.get_message())
                        if path == "runCase":
                            await line._socket.send_message(heard.pop())
        return heard
