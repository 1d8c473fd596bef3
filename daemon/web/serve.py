"""The server: accepts connections, keeps them apart, and ends.

Hypercorn's own `serve` is not used: under Trio an error in one connection ends the process, and with it every live
call. Here the listeners are Trio's, each connection is a task behind one `except*` boundary, and the end is
bounded.

    run
    └─ supervision nursery
       ├─ connections nursery
       │  ├─ (this task) accepting, until `stop`
       │  └─ one connection per client ......... connection.py
       └─ cut what outlasts the grace

Owned by whoever serves something in public: `app.py`, and the sandbox with WebSockets. Imports Hypercorn, Trio,
and this room; knows nothing of routes or calls. Never lets an exception of a connection past `_serve`, never waits
for a client without a limit.
"""

import importlib.metadata
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework

from daemon.errors import StartError
from daemon.web.connection import Connection, Service
from daemon.web.limits import ServerLimits
from daemon.web.quiet import Quiet

__all__ = ["DEFAULT_LIMITS", "Server", "ServerLimits", "check_hypercorn"]

HYPERCORN = "0.18."
PER_ROUND = 4
"""Connections that are heard in one round of the loop; a request costs a millisecond or two all in all."""
DEFAULT_LIMITS = ServerLimits()


class Server:
    """Serves an ASGI application on listeners it takes over: `run` until `stop`."""

    def __init__(
        self,
        app: ASGIFramework,
        listeners: Sequence[trio.abc.Listener[trio.abc.Stream]],
        limits: ServerLimits = DEFAULT_LIMITS,
        *,
        websockets: bool = False,
        quiet: Quiet | None = None,
        name: str = "webhook server",
    ) -> None:
        check_hypercorn()
        self._listeners = list(listeners)
        self._accepting = trio.CancelScope()
        self._grace = trio.CancelScope()
        self._open: dict[Connection, None] = {}
        """In the order in which they were opened."""
        self._over = trio.Event()
        self._quiet = Quiet() if quiet is None else quiet
        self._service = Service(
            app=ASGIWrapper(app),
            config=_hypercorn_config(),
            context=WorkerContext(None),
            limits=limits,
            quiet=self._quiet,
            gate=trio.Semaphore(PER_ROUND),
            websockets=websockets,
            name=name,
        )

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def stop(self, *, grace: float, reason: str) -> None:
        """Stop accepting, drop idle connections, and give requests in progress `grace` seconds.

        May be called again: the shorter grace counts. `run` returns when the last connection is over.
        """
        self._grace.deadline = min(self._grace.deadline, trio.current_time() + grace)
        self._accepting.cancel(reason=reason)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until stopped. Cancelling it closes everything, within the time limit of a send."""
        async with trio.open_nursery() as supervision:
            async with trio.open_nursery() as connections:
                task_status.started()  # the listeners queue whoever comes from now on
                await self._accept(connections)
                await self._service.context.terminated.set()
                for connection in tuple(self._open):
                    connection.wind_down()
                supervision.start_soon(self._cut_late, name=f"{self._service.name}: cut what outlasts the grace")
            supervision.cancel_scope.cancel(reason="every connection is over")
        self._over.set()

    async def over(self) -> None:
        """Wait until it was stopped and every connection is over."""
        await self._over.wait()

    async def _accept(self, connections: trio.Nursery) -> None:
        """Serve whoever comes, until `stop`; closes the listeners."""
        with self._accepting, _listener_trouble(self._quiet):
            await trio.serve_listeners(self._serve, self._listeners, handler_nursery=connections)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection. This is the boundary: nothing that a client brings about gets past it.

        It must be `except*`: an error raised while the connection is being cancelled arrives in one group with the
        cancellation. Trio closes the stream, whatever happens here.
        """
        if len(self._open) >= self._service.limits.max_connections and not self._make_room():
            self._quiet.warning("connection_refused", "too many connections", limit=len(self._open))
            return
        connection = Connection(stream, self._service)
        self._open[connection] = None
        try:
            await connection.run()
        except* Exception as errors:
            self._quiet.failure("connection_failed", errors)
        finally:
            self._open.pop(connection, None)
            connection.let_go()

    def _make_room(self) -> bool:
        """Give up the oldest connection that waits for its client; tells whether there was one.

        Who has something to say says it at once. Those who don't must not keep them out by being many.
        """
        for connection in self._open:
            if connection.waits_for_client:
                self._quiet.warning("connection_displaced", "too many connections", limit=len(self._open))
                del self._open[connection]
                connection.make_room()
                return True
        return False

    async def _cut_late(self) -> None:
        with self._grace:
            await trio.sleep_forever()
        if self._open:
            self._quiet.warning("connections_cut", "at the end of the grace", connections=len(self._open))
        for connection in tuple(self._open):
            await connection.cut("the server stops, and its grace is over")


def check_hypercorn(version: Callable[[str], str] = importlib.metadata.version) -> None:
    """Refuse to start on a Hypercorn whose inside we do not know."""
    found = version("hypercorn")
    if not found.startswith(HYPERCORN):
        raise StartError(
            f"hypercorn {found} is installed, but the webhook server is built on {HYPERCORN}*; "
            f"fix: pip install 'hypercorn=={HYPERCORN}*'"
        )


def _hypercorn_config() -> Config:
    config = Config()
    config.include_server_header = False
    config.h11_max_incomplete_size = 16 * 1024
    # Without these two its logger has nowhere to write to. What matters is logged where it is decided.
    config.accesslog = None
    config.errorlog = None
    return config


@contextmanager
def _listener_trouble(quiet: Quiet) -> Iterator[None]:
    """Make quiet lines of Trio's reports of a failed accept: ten tracebacks a second when descriptors run out."""

    def tell(record: logging.LogRecord) -> bool:
        quiet.warning("accept_failed", record.getMessage())
        return False

    logger = logging.getLogger("trio.serve_listeners")
    logger.addFilter(tell)
    try:
        yield
    finally:
        logger.removeFilter(tell)
