"""What a tool call runs: the tools of `[tools]`, opened once for the whole daemon.

Those that the platform runs are not among them. One HTTP client serves all that make requests, and it is not the
platform's: it has no key, follows no redirect, reads no proxy variables, keeps no cookie and no connection, and
connects to public addresses only, unless a tool says otherwise. Knows nothing of calls.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import DefaultCookiePolicy

import httpx

import daemon
from daemon import config
from daemon.errors import StartError
from daemon.tools.base import Tool
from daemon.tools.connecting import CheckedTransport, Resolve, SystemResolver
from daemon.tools.http import HttpTool
from daemon.tools.python import PythonTool
from daemon.tools.threads import Threads


@asynccontextmanager
async def open_tools(
    tools: Mapping[str, config.Tool], *, verify: ssl.SSLContext | None = None, resolve: Resolve | None = None
) -> AsyncIterator[dict[str, Tool]]:
    """Have the tools ready while the block lasts. Errors: `StartError` if there are no certificates to trust."""
    threads = Threads()
    functions: dict[str, Tool] = {
        name: PythonTool(name, tool, threads) for name, tool in tools.items() if isinstance(tool, config.PythonTool)
    }
    requests = {name: tool for name, tool in tools.items() if isinstance(tool, config.HttpTool)}
    if not requests:
        yield functions
        return
    async with _open_client(verify or _context(), resolve or SystemResolver()) as client:
        yield {**functions, **{name: HttpTool(tool, client) for name, tool in requests.items()}}


@asynccontextmanager
async def _open_client(verify: ssl.SSLContext, resolve: Resolve) -> AsyncIterator[httpx.AsyncClient]:
    headers = {
        "User-Agent": f"callwarden/{daemon.__version__}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",  # what is not compressed can't be a bomb
    }
    async with httpx.AsyncClient(
        transport=_transport(verify, resolve), headers=headers, trust_env=False, follow_redirects=False
    ) as client:
        # A cookie would carry one caller's session into another's call.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield client


def checked_transport() -> CheckedTransport:
    """The way to public addresses, for whoever has a client of their own. Errors: as `open_tools`."""
    return _transport(_context(), SystemResolver())


def _transport(verify: ssl.SSLContext, resolve: Resolve) -> CheckedTransport:
    # Without keep-alive no request meets a connection that is just being closed, so it is known whether it got out;
    # and none meets one that was opened to the same address for another name.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return CheckedTransport(httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits), resolve)


def _context() -> ssl.SSLContext:
    try:
        return ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"cannot read certificates from the system: {error}") from error
