"""Our TLS stream against the standard library's server side (Trio's stream) and OpenSSL's own server."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from daemon.platforms.xai import tls_context
from daemon.platforms.xai.ears import Audible, Look
from daemon.platforms.xai.tls_stream import AudibleTls, Resumption, TlsStream
from tests.platforms.fakes import unused_port

HOST = "voice.test"
Clock = MockClock


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The context of the product, trusting the authority."""
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return tls_context(str(file))


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def certified(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority, request.param)


@pytest.fixture
def newest(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority, ssl.TLSVersion.TLSv1_3)


def server_context(authority: trustme.CA, version: ssl.TLSVersion, name: str = HOST) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = context.maximum_version = version
    authority.issue_cert(name).configure_cert(context)
    return context


class Wire(trio.abc.Stream):
    """The client's transport, with somebody sitting on it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.step: int | None = None
        """At most so many bytes are received at a time."""
        self.left: int | None = None
        """After so many more bytes the connection ends."""
        self.flip: int | None = None
        """This byte, counted from now on, is turned over."""
        self.sent = b""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self.left == 0:
            await trio.lowlevel.checkpoint()
            return b""
        limits = [limit for limit in (max_bytes, self.step, self.left) if limit is not None]
        data = bytearray(await self.stream.receive_some(min(limits) if limits else None))
        if self.left is not None:
            self.left -= len(data)
        if self.flip is not None:
            if self.flip < len(data):
                data[self.flip] ^= 1
            self.flip = self.flip - len(data) if self.flip >= len(data) else None
        return bytes(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.stream.aclose()


class Connected:
    """A connection after its handshake."""

    def __init__(self, ours: TlsStream, theirs: trio.SSLStream[trio.abc.Stream], wire: Wire) -> None:
        self.ours, self.theirs, self.wire = ours, theirs, wire


@asynccontextmanager
async def connected(
    server: ssl.SSLContext, trust: ssl.SSLContext, resumption: Resumption | None = None, *, lockstep: bool = False
) -> AsyncIterator[Connected]:
    near, far = lockstep_stream_pair() if lockstep else memory_stream_pair()
    wire = Wire(near)
    ours = TlsStream(wire, trust, HOST, resumption)
    theirs = trio.SSLStream[trio.abc.Stream](far, server, server_side=True)
    try:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(theirs.do_handshake)
                await ours.handshake()
            yield Connected(ours, theirs, wire)
    finally:
        await trio.aclose_forcefully(ours)
        await trio.aclose_forcefully(theirs)


async def read(stream: trio.abc.Stream, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := await stream.receive_some(size - len(data))):
        data += more
    return data


# There and back


@pytest.mark.parametrize("step", [None, 1])
async def test_bytes_pass_both_ways(step: int | None, certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(certified, trust) as it:
        it.wire.step = step
        await it.ours.wait_send_all_might_not_block()
        await it.ours.send_all(b"")
        await it.ours.send_all(b"there")
        assert await it.theirs.receive_some() == b"there"
        await it.theirs.send_all(b"and back")
        assert await it.ours.receive_some() == b"and back"
        assert b"there" not in it.wire.sent


async def test_much_both_ways_at_once(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    much = bytes(range(256)) * 4096
    got: list[bytes] = []

    async def echo() -> None:
        await it.theirs.send_all(await read(it.theirs, len(much)))

    async def listen() -> None:
        got.append(await read(it.ours, len(much)))

    async with connected(certified, trust) as it, trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        nursery.start_soon(listen)
        await it.ours.send_all(much)
    assert got == [much]


async def test_what_has_come_is_given_together(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(certified, trust) as it:
        for word in (b"one ", b"two ", b"three"):
            await it.theirs.send_all(word)
        assert await it.ours.receive_some() == b"one two three"


async def test_no_more_than_asked_for(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(certified, trust) as it:
        await it.theirs.send_all(b"abcdef")
        await it.theirs.send_all(b"gh")
        it.wire.step = 65536
        assert await it.ours.receive_some(2) == b"ab"
        got = [await it.ours.receive_some(3) for _ in range(3)]
        assert b"".join(got) == b"cdefgh"
        assert max(map(len, got)) <= 3


async def test_half_a_record_waits_for_the_other_half(
    newest: ssl.SSLContext, trust: ssl.SSLContext, autojump_clock: Clock
) -> None:
    async with connected(newest, trust) as it:
        it.wire.step = 60
        await it.theirs.send_all(b"x" * 100)
        assert await it.ours.receive_some() == b"x" * 100
        await it.theirs.send_all(b"y" * 20)
        with trio.move_on_after(1) as patience:
            while True:
                assert await it.ours.receive_some() == b"y" * 20
        assert patience.cancelled_caught


async def test_every_receive_lets_others_run(newest: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(newest, trust) as it:
        await it.theirs.send_all(b"abcdef")
        for expected in (b"ab", b"cd", b"ef"):
            with trio.testing.assert_checkpoints():
                assert await it.ours.receive_some(2) == expected
        with trio.testing.assert_checkpoints():
            await it.ours.send_all(b"")


# Whom to trust


async def refused(
    server: ssl.SSLContext, trust: ssl.SSLContext, host: str = HOST
) -> tuple[BaseException | None, BaseException | None]:
    """Fail to agree; gives why, from both sides."""
    near, far = memory_stream_pair()
    theirs = trio.SSLStream[trio.abc.Stream](far, server, server_side=True)
    told: list[BaseException | None] = []

    async def serve() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await read(theirs, 1)
        told.append(caught.value.__cause__)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + 10
        nursery.start_soon(serve)
        ours = TlsStream(near, trust, host)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.handshake()
        with pytest.raises(trio.BrokenResourceError):
            await ours.send_all(b"secret")
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive_some()
        await ours.aclose()
    return caught.value.__cause__, told[0]


async def test_a_certificate_of_an_unknown_authority(certified: ssl.SSLContext) -> None:
    why, told = await refused(certified, tls_context(""))
    assert isinstance(why, ssl.SSLCertVerificationError)
    assert "UNKNOWN_CA" in str(told)


async def test_a_certificate_of_another_host(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    why, told = await refused(certified, trust, "other.test")
    assert isinstance(why, ssl.SSLCertVerificationError)
    assert "Hostname mismatch" in str(why)
    assert isinstance(told, ssl.SSLError)


async def test_something_else_than_tls(trust: ssl.SSLContext) -> None:
    near, far = memory_stream_pair()
    await far.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(trio.BrokenResourceError) as caught:
        await TlsStream(near, trust, HOST).handshake()
    assert "WRONG_VERSION_NUMBER" in str(caught.value.__cause__)


async def test_without_a_handshake_nothing_passes(trust: ssl.SSLContext) -> None:
    near, far = memory_stream_pair()
    stream = TlsStream(near, trust, HOST)
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"secret")
    with pytest.raises(trio.BrokenResourceError):
        await stream.wait_send_all_might_not_block()
    await stream.aclose()
    assert await far.receive_some() == b""


async def test_a_handshake_that_is_cut_off(trust: ssl.SSLContext) -> None:
    near, far = memory_stream_pair()
    await far.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await TlsStream(near, trust, HOST).handshake()


# Resumption


async def visit(server: ssl.SSLContext, trust: ssl.SSLContext, resumption: Resumption) -> bool:
    """Connect and hear a word; gives whether the handshake was a short one."""
    async with connected(server, trust, resumption) as it:
        await it.theirs.send_all(b"hello")
        assert await it.ours.receive_some() == b"hello"
        return it.ours.resumed


async def test_the_next_handshake_is_shorter(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    resumption = Resumption()
    assert [await visit(certified, trust, resumption) for _ in range(4)] == [False, True, True, True]


async def test_a_server_that_remembers_nothing(
    certified: ssl.SSLContext, newest: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    resumption = Resumption()
    assert not await visit(certified, trust, resumption)
    assert not await visit(newest, trust, resumption)
    assert await visit(newest, trust, resumption)


async def test_a_session_is_no_use_for_who_can_t_prove_to_have_it(
    authority: trustme.CA, newest: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    resumption = Resumption()
    assert not await visit(newest, trust, resumption)
    impostor = server_context(authority, ssl.TLSVersion.TLSv1_3, "other.test")
    near, far = memory_stream_pair()
    theirs = trio.SSLStream[trio.abc.Stream](far, impostor, server_side=True)

    async def serve() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await read(theirs, 1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(trio.BrokenResourceError):
            await TlsStream(near, trust, HOST, resumption).handshake()


# The end


async def test_the_peer_says_goodbye(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(certified, trust) as it, trio.open_nursery() as nursery:
        await it.theirs.send_all(b"last words")
        nursery.start_soon(it.theirs.aclose)  # waits for our goodbye
        await trio.testing.wait_all_tasks_blocked()
        assert await it.ours.receive_some() == b"last words"
        assert await it.ours.receive_some() == b""
        assert await it.ours.receive_some() == b""
        await it.ours.aclose()


class Overheard(Wire, Audible):
    """A transport on which nothing comes but what is laid there."""

    pile = b""

    def receive_nowait(self) -> bytes:
        if not self.pile:
            raise trio.WouldBlock
        data, self.pile = self.pile, b""
        return data

    async def listen(self, look: Look) -> None:
        while not (self.pile and look()):
            await trio.sleep_forever()


@pytest.mark.parametrize("garbled", [False, True])
async def test_an_end_right_behind_the_last_words_is_heard_though_the_socket_stays_open(
    newest: ssl.SSLContext, trust: ssl.SSLContext, *, garbled: bool
) -> None:
    near, far = memory_stream_pair()
    wire = Overheard(near)
    ours = AudibleTls(wire, trust, HOST)
    theirs = trio.SSLStream[trio.abc.Stream](far, newest, server_side=True)
    heard: list[bytes] = []

    def look() -> bool:
        heard.append(ours.receive_nowait())
        return True

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(theirs.do_handshake)
            await ours.handshake()
        async with trio.open_nursery() as nursery:
            await theirs.send_all(b"last words")
            if garbled:
                await far.send_all(b"no record of TLS")
            else:
                nursery.start_soon(theirs.aclose)
            await trio.testing.wait_all_tasks_blocked()
            wire.pile = await wire.receive_some()
            await ours.listen(look)
            if garbled:
                with pytest.raises(trio.BrokenResourceError):
                    await ours.listen(look)
            else:
                await ours.listen(look)
            nursery.cancel_scope.cancel()
    assert heard == ([b"last words"] if garbled else [b"last words", b""])
    await trio.aclose_forcefully(ours)


async def test_we_say_goodbye(certified: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(certified, trust) as it:
        await it.ours.send_all(b"last words")
        await it.ours.aclose()
        await it.ours.aclose()
        assert await it.theirs.receive_some() == b"last words"
        assert await it.theirs.receive_some() == b""  # else it would be broken
        for use in (it.ours.send_all(b"x"), it.ours.receive_some(), it.ours.wait_send_all_might_not_block()):
            with pytest.raises(trio.ClosedResourceError):
                await use


def cuts(size: int) -> Iterator[int]:
    yield from range(size)


async def test_truncated_at_every_byte(newest: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """Nothing is made up, nothing whole is lost, and no end looks like the peer's goodbye."""
    words = [b"first", b"second"]
    resumption = Resumption()
    ends: list[tuple[bytes, str]] = []
    for left in range(100):
        async with connected(newest, trust, resumption) as it:
            await it.theirs.send_all(b"hello")
            assert await it.ours.receive_some() == b"hello"
            it.wire.left = left
            for word in words:
                await it.theirs.send_all(word)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.aclose_forcefully, it.theirs)
                heard = b""
                try:
                    while data := await it.ours.receive_some():
                        heard += data
                    ends.append((heard, "goodbye"))
                except trio.BrokenResourceError:
                    ends.append((heard, "broken"))
    # A record is its words and 22 bytes. Closed forcefully, the server says no goodbye.
    assert ends == [
        (b"" if left < 27 else b"first" if left < 27 + 28 else b"firstsecond", "broken") for left in range(100)
    ]


async def test_truncated_within_the_goodbye(newest: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    ends = []
    for left in range(27, 60):
        async with connected(newest, trust) as it:
            await it.theirs.send_all(b"hello")
            assert await it.ours.receive_some() == b"hello"
            it.wire.left = left
            await it.theirs.send_all(b"words")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(it.theirs.aclose)
                await trio.testing.wait_all_tasks_blocked()
                assert await it.ours.receive_some() == b"words"
                try:
                    ends.append(await it.ours.receive_some() == b"")
                except trio.BrokenResourceError:
                    ends.append(False)
                await it.ours.aclose()
    assert ends == [left >= 27 + 24 for left in range(27, 60)]


@pytest.mark.parametrize("flip", [0, 5, 10, 20])
async def test_a_record_that_was_tampered_with(flip: int, newest: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(newest, trust) as it:
        await it.theirs.send_all(b"hello")
        assert await it.ours.receive_some() == b"hello"
        await it.theirs.send_all(b"first")
        await it.theirs.send_all(b"second")
        it.wire.flip = 27 + flip
        await it.theirs.send_all(b"third")
        assert await it.ours.receive_some() == b"first"
        for _ in range(2):
            with pytest.raises(trio.BrokenResourceError):
                await it.ours.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await it.ours.send_all(b"anyone?")
        await it.ours.aclose()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await it.theirs.receive_some()
        assert "ALERT" in str(caught.value.__cause__)  # it was told


async def test_tampered_with_at_once(newest: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with connected(newest, trust) as it:
        it.wire.flip = 600  # behind the server's tickets
        await it.theirs.send_all(b"x" * 1000)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await it.ours.receive_some()
        assert isinstance(caught.value.__cause__, ssl.SSLError)


# Several at once, and cancelled


async def test_senders_don_t_mix(certified: ssl.SSLContext, trust: ssl.SSLContext, autojump_clock: Clock) -> None:
    size, senders = 40_000, 8
    async with connected(certified, trust, lockstep=True) as it, trio.open_nursery() as nursery:
        for number in range(senders):
            nursery.start_soon(it.ours.send_all, bytes([number]) * size)
        data = await read(it.theirs, size * senders)
    assert data == b"".join(data[at : at + 1] * size for at in range(0, len(data), size))
    assert sorted(data[::size]) == list(range(senders))


async def test_nothing_is_sent_after_half_a_record(
    newest: ssl.SSLContext, trust: ssl.SSLContext, autojump_clock: Clock
) -> None:
    async with connected(newest, trust, lockstep=True) as it:
        with trio.move_on_after(1) as patience:
            await it.ours.send_all(b"cut off")  # nobody reads it
        assert patience.cancelled_caught
        sent = it.wire.sent
        with pytest.raises(trio.BrokenResourceError):
            await it.ours.send_all(b"more")
        await it.ours.aclose()
        assert it.wire.sent == sent


async def test_a_cancelled_wait_loses_nothing(
    newest: ssl.SSLContext, trust: ssl.SSLContext, autojump_clock: Clock
) -> None:
    async with connected(newest, trust) as it:
        with trio.move_on_after(1) as patience:
            await it.ours.receive_some()
        assert patience.cancelled_caught
        await it.theirs.send_all(b"late")
        assert await it.ours.receive_some() == b"late"


async def test_closing_wakes_the_reader(newest: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def listen() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await it.ours.receive_some()

    async with connected(newest, trust) as it, trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        await it.ours.aclose()


async def test_closing_does_not_wait_for_a_sender(
    newest: ssl.SSLContext, trust: ssl.SSLContext, autojump_clock: Clock
) -> None:
    async def send() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await it.ours.send_all(b"stuck")

    async with connected(newest, trust, lockstep=True) as it, trio.open_nursery() as nursery:
        began = trio.current_time()
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        await it.ours.aclose()
    assert trio.current_time() - began < 0.1


async def test_closing_does_not_wait_long_for_a_peer(
    newest: ssl.SSLContext, trust: ssl.SSLContext, autojump_clock: Clock
) -> None:
    async with connected(newest, trust, lockstep=True) as it:
        began = trio.current_time()
        await it.ours.aclose()
        assert trio.current_time() - began == pytest.approx(0.5)


# OpenSSL's own server


@asynccontextmanager
async def s_server(folder: Path, authority: trustme.CA) -> AsyncIterator[tuple[int, trio.Process]]:
    """`openssl s_server`: what is typed into it goes to the client, and some letters are commands."""
    pem = folder / "server.pem"
    certificate = authority.issue_cert(HOST)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))
    port = unused_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem), "-naccept", "1"]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        said = b""
        while b"ACCEPT" not in said:
            said += await process.stdout.receive_some()
        yield port, process
    finally:
        process.kill()
        with trio.move_on_after(5, shield=True):
            await process.wait()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_change_of_keys_in_the_middle(tmp_path: Path, authority: trustme.CA, trust: ssl.SSLContext) -> None:
    with trio.fail_after(10):
        async with s_server(tmp_path, authority) as (port, server):
            assert server.stdin is not None
            assert server.stdout is not None
            wire = Wire(await trio.open_tcp_stream("127.0.0.1", port))
            async with TlsStream(wire, trust, HOST) as stream:
                await stream.handshake()
                await server.stdin.send_all(b"before\n")
                assert await stream.receive_some() == b"before\n"
                sent = len(wire.sent)
                await server.stdin.send_all(b"K\n")  # new keys, and it wants us to take new ones, too
                await trio.sleep(0.05)
                await server.stdin.send_all(b"after\n")
                assert await stream.receive_some() == b"after\n"
                await server.stdin.send_all(b"again\n")
                assert await stream.receive_some() == b"again\n"
                await stream.send_all(b"with new keys\n")
                assert len(wire.sent) > sent + 50, "our keys were not changed"
                said = b""
                while b"with new keys" not in said:
                    said += await server.stdout.receive_some()
