"""xAI's Voice Agent API as a platform: REST for call control, a WebSocket per call, a webhook per caller.

`open_platform` is the only way in; it owns the one HTTP client and the one TLS context of the process, and a nursery
for the ears, which read the sockets of all calls.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing

import httpx
import trio

from daemon.config import XaiPlatform
from daemon.core.incoming import IncomingCall
from daemon.errors import StartError
from daemon.platforms.base import HangUpOutcome, Line, ReferOutcome
from daemon.platforms.xai.dialling import Dial, tcp_dial
from daemon.platforms.xai.ears import Ears
from daemon.platforms.xai.realtime import Realtime
from daemon.platforms.xai.rest import CallControl
from daemon.platforms.xai.webhooks import read_webhook


class Xai:
    """xAI, ready to use; see `platforms.base.Platform` for what each part promises."""

    def __init__(self, config: XaiPlatform, client: httpx.AsyncClient, dial: Dial) -> None:
        self._client = client
        self._dial = dial
        self.follow(config)

    def follow(self, config: XaiPlatform) -> None:
        """Go by another configuration from the next request on, with its key; for the calls in progress, too.

        The addresses and the TLS context stay those it was opened with.
        """
        self._client.headers["Authorization"] = f"Bearer {config.api_key.reveal()}"
        self._realtime = Realtime(config, self._dial)
        self._control = CallControl(
            self._client, hang_up_timeout=config.hang_up_timeout, refer_timeout=config.refer_timeout
        )

    def join(self, call_id: str, *, conversation_id: str | None = None) -> AbstractAsyncContextManager[Line]:
        """Open the socket to a call."""
        return self._realtime.join(call_id, conversation_id=conversation_id)

    def converse(self, model: str) -> AbstractAsyncContextManager[Line]:
        """Open an ordinary session, with nobody on the telephone."""
        return self._realtime.converse(model)

    async def hang_up(self, call_id: str) -> HangUpOutcome:
        """End the caller's leg."""
        return await self._control.hang_up(call_id)

    async def refer(self, call_id: str, target_uri: str) -> ReferOutcome:
        """Transfer the caller."""
        return await self._control.refer(call_id, target_uri)

    def read_webhook(
        self, body: bytes, webhook_id: str, received_at: float, keep: frozenset[str] = frozenset()
    ) -> IncomingCall | None:
        """Read a verified delivery."""
        return read_webhook(body, webhook_id, received_at, keep)


@asynccontextmanager
async def open_platform(config: XaiPlatform) -> AsyncIterator[Xai]:
    """Open the HTTP client, and keep it and the ears until the block is left.

    The client never follows redirects and ignores proxy variables: the API key goes to the configured host only.
    """
    context = tls_context(config.ca_file)
    client = httpx.AsyncClient(
        base_url=config.base_url,
        verify=context,
        trust_env=False,
        timeout=config.hang_up_timeout,
        # Hanging up every call at once must not wait for a place among transfers that are still ringing.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
    )
    with closing(Ears()) as ears:
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(ears.hear, name="ears")
            yield Xai(config, client, tcp_dial(config.websocket_url, context, ears))
            nursery.cancel_scope.cancel(reason="the platform is closed")


def tls_context(ca_file: str) -> ssl.SSLContext:
    """The TLS context that REST and every socket share: building one reads all roots and takes tens of ms."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"cannot read certificates from {ca_file or 'the system'}: {error}") from error
    # Nobody needs it, and `tls_stream.py` is simpler without.
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context
