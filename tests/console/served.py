"""The console in this process, beside the API, on real sockets: a desk that notes, a ledger that is real."""

import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import trio
from prometheus_client import CollectorRegistry

from daemon.config import Operator, Secret
from daemon.console import Beside, create_console
from daemon.core.snapshots import CallView
from daemon.ledger.database import Database
from daemon.ledger.engine import make_engines
from daemon.ledger.migrate import migrate
from daemon.operate.access import Gate
from daemon.operate.api import create_api
from daemon.operate.events import Ring
from daemon.operate.listening import open_control
from daemon.operating import LIMITS
from daemon.web.listen import addresses
from daemon.web.quiet import Quiet
from daemon.web.serve import Server
from tests.ledger.filled import Ledger
from tests.operate.fakes import TOKEN, FakeDesk


@dataclass
class Console:
    """What a test has of it."""

    desk: FakeDesk
    ring: Ring
    ledger: Ledger
    database: Database
    unix: httpx.AsyncClient
    """On the control socket, where nobody has to log in."""
    tcp: httpx.AsyncClient
    """On loopback, not logged in; keeps its cookies."""
    quiet: Quiet

    async def log_in(self, token: str = TOKEN) -> httpx.Response:
        return await self.tcp.post("/login", data={"token": token})

    async def act(self, client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
        """Read the question, and send its form."""
        question = await client.get(path)
        assert question.status_code == 200, question.text
        return await client.post(path, data={"proof": proof(question.text), **fields})

    async def act_on_page(self, page: str, path: str) -> httpx.Response:
        """Send a form that stands on some page, logged in."""
        return await self.tcp.post(path, data={"proof": proof((await self.tcp.get(page)).text)})


@cache
def empty_ledger() -> bytes:
    """A ledger's file with the tables in it, and nothing else."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "ledger.db")
        engines = make_engines(f"sqlite:///{file}")
        migrate(engines)
        engines.dispose()
        return file.read_bytes()


def proof(page: str) -> str:
    """What stands in the forms of a page."""
    match = re.search(r'name="proof" value="([0-9a-f]{64})"', page)
    assert match, page
    return match[1]


@asynccontextmanager
async def served_console(folder: Path, calls: Sequence[CallView] = ()) -> AsyncIterator[Console]:
    """Serve API and console while the block lasts."""
    desk, ring, quiet = FakeDesk(live=list(calls)), Ring(), Quiet()
    (folder / "ledger.db").write_bytes(empty_ledger())
    engines = make_engines(f"sqlite:///{folder}/ledger.db")
    database = Database(engines)
    socket = folder / "control.sock"
    operator = Operator(socket=str(socket), listen="127.0.0.1:0", token=Secret(TOKEN))
    listeners = await open_control(operator, folder, {})
    port = int(addresses(listeners)[1].rpartition(":")[2])
    gate = Gate(operator.token)
    api = create_api(desk, ring, CollectorRegistry(), gate, quiet)
    server = Server(Beside(api, create_console(desk, database, ring, gate, quiet)), listeners, LIMITS, quiet=quiet)
    async with (
        httpx.AsyncClient(
            base_url="http://cw", transport=httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
        ) as unix,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False) as tcp,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(server.run)
        yield Console(desk, ring, Ledger(engines), database, unix, tcp, quiet)
        ring.close()
        server.stop(grace=0.1, reason="the test is over")
        nursery.cancel_scope.cancel()
    database.close()
