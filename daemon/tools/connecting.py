"""Connecting a tool to its server: the name is resolved, the address is checked, and that very address is connected to.

Whoever controls a name can point it at this machine, at a neighbour, or at the cloud's metadata service, and can give
another answer a moment later. Hence the check is made on the answer that is used. The certificate is still checked
against the name. Owned by the tools room; imports httpx, core and errors.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import httpx
import trio

from daemon.core.addresses import Address, is_public, within
from daemon.errors import AddressRefused

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Gives the addresses of a host. Errors: `OSError`."""

# Names looked up at the same time.
_LOOKUPS = 16

ALLOWED = "callwarden_allowed"
"""Extension of a request that holds the places which may be connected to though they are not public."""


class SystemResolver:
    """Asks the system. Cancelling is safe; the question goes on in its thread, and nobody waits for it."""

    def __init__(self) -> None:
        # Of their own, so that a name server that does not answer tools takes no thread from those who join calls.
        self._threads = trio.CapacityLimiter(_LOOKUPS)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Resolve a host; see `Resolve`."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._threads)
        return [ipaddress.ip_address(place[0]) for *_, place in found]


class CheckedTransport(httpx.AsyncBaseTransport):
    """Passes requests on to another transport, each to an address that was checked.

    Errors: `AddressRefused`, besides those of httpx.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, resolve: Resolve) -> None:
        self._inner = inner
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the first address that can be connected to."""
        failed: httpx.TransportError = httpx.ConnectError("the host has no address")
        for address in await self._addresses(request):
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed

    async def aclose(self) -> None:
        """Close the transport behind."""
        await self._inner.aclose()

    async def _addresses(self, request: httpx.Request) -> list[Address]:
        host = request.url.host
        try:
            found = await self._resolve(host, request.url.port or (443 if request.url.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("the host's name can't be resolved") from error
        allowed: tuple[str, ...] = request.extensions.get(ALLOWED, ())
        usable = [each for each in found if host in allowed or is_public(each) or within(each, allowed)]
        if found and not usable:
            raise AddressRefused(f"{host} has no public address; if that is meant, add it to allow_private")
        return list(dict.fromkeys(usable))


def _pinned(request: httpx.Request, address: Address) -> httpx.Request:
    """The same request to an address; Host header and certificate remain those of the name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
