"""A node as a proxy sees it: answers the webhook and `/readyz`, and remembers what reached it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from quart import request
from quart.typing import ResponseReturnValue
from quart_trio import QuartTrio

from daemon.web.listen import addresses, open_listeners
from daemon.web.serve import Server


class Backend:
    """One node."""

    def __init__(self) -> None:
        self.address = ""
        self.ready = True
        self.refuses = False
        self.requests: list[tuple[str, str, dict[str, str], int]] = []
        """Method, path, headers with lower-case names, and length of the body of everything but health checks."""

    def app(self) -> QuartTrio:
        """What it serves."""
        app = QuartTrio("backend")

        @app.route("/readyz")
        async def readyz() -> ResponseReturnValue:
            return {}, 200 if self.ready else 503

        @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT"])
        @app.route("/<path:path>", methods=["GET", "POST", "PUT"])
        async def anything(path: str) -> ResponseReturnValue:
            body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.requests.append((request.method, f"/{path}", headers, len(body)))
            return {"node": self.address}, 503 if self.refuses else 200

        return app


@asynccontextmanager
async def open_backends(count: int = 2) -> AsyncIterator[list[Backend]]:
    """Run some nodes while the block lasts."""
    backends = [Backend() for _ in range(count)]
    async with trio.open_nursery() as nursery:
        servers = []
        for backend in backends:
            listeners = await open_listeners(["127.0.0.1:0"])
            backend.address = addresses(listeners)[0]
            servers.append(Server(backend.app(), listeners, name="backend"))
            await nursery.start(servers[-1].run)
        yield backends
        for server in servers:
            server.stop(grace=0.2, reason="done")
