"""TLS for a call's socket: the standard library's TLS, over any byte stream, with as little between them as can be.

Trio's own TLS stream is made for everything, a server's side and renegotiation included, and costs more per frame than
all else that a call does. This one is a client's: OpenSSL does the cryptography, the certificate and the host name
(`ssl.SSLObject`); what is done here is to carry its bytes. Renegotiation must be off in the context.

- What OpenSSL wants sent is taken from it and put on the wire under one lock, so records keep their order whoever
  sends: a frame, the answer to a change of keys that the reader came across, the goodbye.
- A send that was cancelled or failed may have left half a record on the wire; nothing can be sent after it.
- The end of the bytes without the peer's `close_notify` is no end but a break: somebody may have cut the rest off.
- Closing says `close_notify`, when nobody is in the middle of sending and the peer takes it at once, and doesn't wait
  for the peer's.

Owned by the socket that `dialling.py` opens. Imports Trio and ssl. Never decides whom to trust: the context does.
"""

import contextlib
import ssl

import trio

from daemon.platforms.xai.ears import Audible, Look

_READ = 65536
# More than can have been received in one go, so that it is given in one go.
_MOST_AT_ONCE = 2 * _READ
# Some dozens of bytes that almost always fit into the socket's buffer.
_GOODBYE = 0.5


class Resumption:
    """What a server gave us to make the next handshake shorter; shared by all connections to one host.

    The certificate was checked when the session began; the server proves that it still has the session's secret.
    """

    def __init__(self) -> None:
        self.session: ssl.SSLSession | None = None


class TlsStream(trio.abc.Stream):
    """A client's TLS connection. `handshake` comes first. One task may receive, several may send."""

    def __init__(
        self, transport: trio.abc.Stream, context: ssl.SSLContext, host: str, resumption: Resumption | None = None
    ) -> None:
        self._transport = transport
        self._resumption = resumption or Resumption()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=host, session=self._resumption.session
        )
        self._sending = trio.StrictFIFOLock()
        self._torn = False
        """Whether half a record may be on the wire."""
        self._agreed = self._ended = self._closed = self._ticketed = False
        self._failure: ssl.SSLError | None = None
        """What was found behind the last piece that was received."""

    async def handshake(self) -> None:
        """Agree on keys, and check who the peer is.

        Errors: `trio.BrokenResourceError`, caused by what OpenSSL says. After that, and when cancelled, the stream is
        good for closing only.
        """
        failure: ssl.SSLError | None = None
        while not self._agreed:
            try:
                self._tls.do_handshake()
                self._agreed = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                failure = error
            if failure is not None:
                with contextlib.suppress(trio.BrokenResourceError):
                    await self._flush()  # the alert that says why
                raise trio.BrokenResourceError("the TLS handshake failed") from failure
            await self._flush()
            if not self._agreed:
                await self._fill(_READ)

    @property
    def resumed(self) -> bool:
        """Whether the handshake was a short one."""
        return bool(self._tls.session_reused)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive; nothing means that the peer has said goodbye. Cancelling is safe.

        Errors: `trio.BrokenResourceError`, also when the connection ends without a goodbye.
        """
        size, hungry = max_bytes or _READ, not self._waiting
        if not hungry or self._ended:
            await trio.lowlevel.checkpoint()
        while not self._ended:
            if self._outgoing.pending:
                await self._flush()  # an alert, or the answer to one
            self._check()
            if hungry:
                await self._fill(size)
            try:
                return self._decrypt(size)
            except ssl.SSLWantReadError:
                hungry = True
            except ssl.SSLError as error:
                self._failure = error
        return b""

    @property
    def _waiting(self) -> bool:
        """Whether something has come that was not given yet, in whole or in part."""
        return bool(self._incoming.pending or self._tls.pending())

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed")
        if self._failure is not None:
            raise trio.BrokenResourceError("TLS failed") from self._failure
        if not self._agreed:
            raise trio.BrokenResourceError("there was no TLS handshake")

    def _decrypt(self, size: int) -> bytes:
        """Decrypt what has come, as far as it is whole; nothing if it is the peer's goodbye."""
        data = self._tls.read(size)
        if not self._ticketed:
            self._resumption.session, self._ticketed = self._tls.session, True
        self._ended = not data
        if not self._incoming.pending or self._ended:
            return data
        pieces, room = [data], size - len(data)
        while room and self._incoming.pending:
            try:
                data = self._tls.read(room)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._failure = error  # what came before it is good
                break
            if not data:
                self._ended = True
                break
            pieces.append(data)
            room -= len(data)
        return b"".join(pieces)

    async def _fill(self, size: int) -> None:
        self._put(await self._transport.receive_some(size))

    def _put(self, data: bytes | bytearray) -> None:
        if not data:
            raise trio.BrokenResourceError("the connection was closed without TLS's goodbye")
        self._incoming.write(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, after whoever sends already. Cancelled half way, nothing can be sent after it."""
        async with self._sending:
            self._check()
            if data:
                try:
                    self._tls.write(data)
                except ssl.SSLError as error:
                    raise trio.BrokenResourceError("TLS failed") from error
                await self._carry()

    async def _flush(self) -> None:
        async with self._sending:
            await self._carry()

    async def _carry(self) -> None:
        """Put on the wire what OpenSSL wants sent. Only under the lock."""
        data = self._outgoing.read()
        if data and self._torn:
            raise trio.BrokenResourceError("an earlier send was cut off")
        if data:
            self._torn = True
            await self._transport.send_all(data)
            self._torn = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        async with self._sending:
            self._check()
            await self._transport.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Say goodbye if that can be done in no time, and close. Cancelled, only the latter."""
        polite = self._agreed and not (self._closed or self._torn or self._failure or self._sending.locked())
        self._closed = True
        try:
            if polite:
                with contextlib.suppress(ssl.SSLError):
                    self._tls.unwrap()  # wants to read the peer's goodbye, too
                gone = contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError)
                with gone, trio.move_on_after(_GOODBYE):
                    await self._flush()
        finally:
            await self._transport.aclose()


class AudibleTls(TlsStream, Audible):
    """The same over a transport that can be listened to."""

    def __init__(
        self, transport: Audible, context: ssl.SSLContext, host: str, resumption: Resumption | None = None
    ) -> None:
        super().__init__(transport, context, host, resumption)
        self._source = transport

    def receive_nowait(self) -> bytes:
        """Receive what has come, as far as it can be decrypted; see `Audible`."""
        while not self._ended:
            self._check()
            if not self._waiting:
                self._put(self._source.receive_nowait())
            try:
                return self._decrypt(_MOST_AT_ONCE)
            except ssl.SSLWantReadError:
                self._put(self._source.receive_nowait())
            except ssl.SSLError as error:
                self._failure = error
        return b""

    async def listen(self, look: Look) -> None:
        """Wait until a look is worth it; see `Audible`."""
        if self._outgoing.pending:
            await self._flush()
        if self._waiting or self._ended or self._failure is not None:
            await trio.lowlevel.checkpoint()  # the socket itself may have nothing more to say
            if look():
                return
        await self._source.listen(look)
