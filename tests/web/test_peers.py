"""Who is at the other end, by the kernel's word."""

import os
from pathlib import Path

import trio
import trio.testing

from daemon.web.listen import open_listeners
from daemon.web.peers import Peer, peer_of


async def test_a_unix_socket_has_a_peer_and_others_have_none(tmp_path: Path) -> None:
    unix, tcp = await open_listeners([f"unix:{tmp_path}/sock", "127.0.0.1:0"])
    async with unix, tcp:
        client = await trio.open_unix_socket(str(tmp_path / "sock"))
        async with client, await unix.accept() as stream:
            assert peer_of(stream) == Peer(pid=os.getpid(), uid=os.getuid(), gid=os.getgid())
        assert peer_of(stream) is None  # already gone
        port = tcp.socket.getsockname()[1]
        client = await trio.open_tcp_stream("127.0.0.1", port)
        async with client, await tcp.accept() as stream:
            assert peer_of(stream) is None
    here, _ = trio.testing.memory_stream_pair()
    assert peer_of(here) is None
