"""A proxy between the daemon and the platform that does to bytes what networks do: cuts, resets, holes, drips."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

_AT_ONCE = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy."""

    def __init__(self, near: trio.SocketStream, far: trio.SocketStream) -> None:
        self.near, self.far = near, far
        """The daemon's end, and the platform's."""
        self.head = b""
        """The first bytes from the daemon, which say what it wants."""
        self.lost = False
        """Whether bytes vanish, both ways, without an end: a black hole."""
        self.drip = 0.0
        """Seconds between single bytes towards the daemon; 0 for none."""
        self.over = trio.Event()

    @property
    def calls(self) -> bool:
        """Whether it is a call's WebSocket."""
        return b"call_id=" in self.head

    async def reset(self) -> None:
        """End it as a router does that has forgotten it: RST, both ways."""
        for stream in (self.near, self.far):
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, _AT_ONCE)
        await self.end()

    async def end(self) -> None:
        """End it without a word of the protocol: FIN, both ways."""
        for stream in (self.near, self.far):
            await trio.aclose_forcefully(stream)
        self.over.set()


class FaultProxy:
    """Passes on, until told otherwise."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self.address = ""
        self.links: list[Link] = []
        """Those that are open."""
        self.opened = 0
        self.manner = "pass"
        """With new connections: `pass`, `reset` them, be `silent`, or a black `hole` from the first byte."""

    async def serve(self, near: trio.SocketStream) -> None:
        """Be one connection."""
        self.opened += 1
        match self.manner:
            case "reset":
                near.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, _AT_ONCE)
                await trio.aclose_forcefully(near)
                return
            case "silent":
                with trio.move_on_after(60):
                    while await near.receive_some():
                        pass
                return
        try:
            far = await trio.open_tcp_stream(*self._target)
        except OSError:
            await trio.aclose_forcefully(near)
            return
        link = Link(near, far)
        link.lost = self.manner == "hole"
        self.links.append(link)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._up, link)
                nursery.start_soon(self._down, link)
                await link.over.wait()
                nursery.cancel_scope.cancel(reason="the link is over")
        finally:
            self.links.remove(link)
            await trio.aclose_forcefully(near)
            await trio.aclose_forcefully(far)

    async def _up(self, link: Link) -> None:
        try:
            while data := await link.near.receive_some(65536):
                link.head = link.head or bytes(data)
                if not link.lost:
                    await link.far.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        link.over.set()

    async def _down(self, link: Link) -> None:
        try:
            while data := await link.far.receive_some(65536):
                if link.drip:
                    for byte in data:
                        await link.near.send_all(bytes([byte]))
                        await trio.sleep(link.drip)
                elif not link.lost:
                    await link.near.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        link.over.set()


@asynccontextmanager
async def open_proxy(target: str, *, port: int = 0) -> AsyncIterator[FaultProxy]:
    """Stand in front of `host:port` while the block lasts; the address to use instead is `proxy.address`."""
    proxy = FaultProxy(target)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, proxy.serve, port, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        host, port = listener.socket.getsockname()[:2]
        proxy.address = f"{host}:{port}"
        yield proxy
        nursery.cancel_scope.cancel(reason="the proxy closes")
