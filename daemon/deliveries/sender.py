"""Sending what the outbox owes, as long as the daemon runs.

    deliveries
    ├─ abandoned .......... gives up, now and then, what nobody sends any more
    ├─ the round .......... looks every second, and when one is done, what is due and what has a place free
    └─ delivery <id> ...... one attempt, and its result in the ledger

Owner of one nursery, for these, and of the boundary around each delivery. Every endpoint has places of its own, so one
that is slow or dead delays nobody else. Imports Trio, the ledger, config, observe and this room.
"""

import random
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Never
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog
import trio
from sqlalchemy import Connection
from standardwebhooks.webhooks import Webhook

from daemon.config import Config, Delivery
from daemon.deliveries.payload import compose
from daemon.deliveries.posting import Answer, open_client, post, signed
from daemon.deliveries.schedule import LONGEST_WISH, pause_after
from daemon.errors import LedgerUnavailable
from daemon.ledger import sending
from daemon.ledger.database import Database
from daemon.ledger.failures import Unwritable
from daemon.ledger.records import read_record
from daemon.ledger.sending import Due
from daemon.observe.clock import WallClock

# Attempts at one endpoint at the same time.
PLACES = 4
_POLL = 1.0
# How long an endpoint that asks us to slow down is left in peace if it does not say.
_REST = 5.0
_FLUSH_POLL = 0.1
_ABANDON_EVERY = 3600.0


class Endpoint(msgspec.Struct, frozen=True):
    """A URL and what signs for it; several secrets while one is being replaced."""

    host: str
    """What of the URL may be logged."""
    signers: tuple[Webhook, ...]


async def run(
    database: Database,
    config: Config,
    wall: WallClock,
    rng: random.Random,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Send until cancelled, even if there is nobody to send to: then there may be something to be given up.

    Cancelling leaves what is on its way unsettled: it is sent again a minute later, by whoever runs then. `transport`
    takes the place of the network in tests.
    """
    endpoints = read_endpoints(config.deliveries)
    if not endpoints:
        task_status.started()
        await _give_up_the_abandoned(database, endpoints)
    async with open_client(transport) as client, trio.open_nursery() as nursery:
        nursery.start_soon(_give_up_the_abandoned, database, endpoints, name="abandoned deliveries")
        sender = Sender(database, endpoints, client, wall, rng, transcripts=config.ledger.transcripts)
        task_status.started()
        await sender.run(nursery)


async def _give_up_the_abandoned(database: Database, endpoints: Collection[str]) -> Never:
    while True:
        if database.health.up:
            with suppress(LedgerUnavailable):
                count = await database.write(partial(sending.abandon, urls=endpoints), lazy=True)
                if count:
                    structlog.get_logger().warning("deliveries_abandoned", count=count, why=sending.NOT_CONFIGURED)
        await trio.sleep(_ABANDON_EVERY)


async def flush(database: Database, config: Config, *, within: float = 5.0) -> None:
    """Wait until everything that is owed now was tried once, while `run` runs; for `within` seconds at most.

    Before the daemon exits; what is left is sent by another node, or after the next start.
    """
    urls = list(read_endpoints(config.deliveries))
    # A ledger that is down says so by itself.
    with trio.move_on_after(within), suppress(LedgerUnavailable):
        owing = bool(urls) and database.health.up
        now = await database.read(sending.now) if owing else 0.0
        while owing:
            await trio.sleep(_FLUSH_POLL)
            owing = await database.read(partial(sending.untried, urls=urls, until=now))


def read_endpoints(deliveries: Sequence[Delivery]) -> dict[str, Endpoint]:
    """The endpoints, by URL."""
    urls = dict.fromkeys(delivery.url for delivery in deliveries)
    return {
        url: Endpoint(
            urlsplit(url).hostname or "",
            tuple(Webhook(delivery.secret.reveal()) for delivery in deliveries if delivery.url == url),
        )
        for url in urls
    }


class Sender:
    """Knows the endpoints, and how many attempts are under way at each."""

    def __init__(
        self,
        database: Database,
        endpoints: dict[str, Endpoint],
        client: httpx.AsyncClient,
        wall: WallClock,
        rng: random.Random,
        *,
        transcripts: bool,
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._client = client
        self._wall = wall
        self._rng = rng
        self._transcripts = transcripts
        self._free = dict.fromkeys(endpoints, PLACES)
        self._rests_until = dict.fromkeys(endpoints, 0.0)
        self._freed = trio.Event()

    async def run(self, nursery: trio.Nursery) -> None:
        """Take what is due and start a task for each, until cancelled."""
        while True:
            self._freed = trio.Event()
            if self._database.health.up:
                with suppress(LedgerUnavailable):
                    for due in await self._take():
                        self._free[due.url] -= 1
                        nursery.start_soon(self._deliver, due, name=f"delivery {due.id}")
            with trio.move_on_after(_POLL):
                await self._freed.wait()

    async def _take(self) -> list[Due]:
        now = trio.current_time()
        room = {url: free for url, free in self._free.items() if free and self._rests_until[url] <= now}
        # Looking first: on SQLite, whoever wants to write keeps others from it.
        if not room or not await self._database.read(partial(sending.is_due, urls=room)):
            return []
        return await self._database.write(partial(sending.take, room=room), lazy=True)

    async def _deliver(self, due: Due) -> None:
        """Make one attempt. Nothing but a cancellation ever leaves this function."""
        with structlog.contextvars.bound_contextvars(call_id=due.call_id, delivery=due.id, delivery_event=due.event):
            try:
                await self._attempt(due)
            except* LedgerUnavailable:
                pass  # not sent, not counted: it is taken again when its time has come
            except* Exception as bugs:
                structlog.get_logger().error("delivery_failed", exc_info=bugs)
                await self._settle(due, Answer(why="an error in Callwarden"))
            finally:
                self._free[due.url] += 1
                self._freed.set()

    async def _attempt(self, due: Due) -> None:
        payload = due.payload or await self._make_payload(due)
        endpoint = self._endpoints[due.url]
        headers = signed(due.id, payload, endpoint.signers, self._wall())
        await self._settle(due, await post(self._client, due.url, payload, headers, self._wall))

    async def _make_payload(self, due: Due) -> str:
        record = await self._database.read(partial(read_record, call_id=due.call_id))
        if record is None:
            raise AssertionError("a delivery without its call")
        payload = compose(due.event, record, transcript=self._transcripts)
        # Safely on the disk before it is sent, so that it is the same on every attempt.
        return await self._database.write(partial(sending.keep_payload, delivery_id=due.id, payload=payload))

    async def _settle(self, due: Due, answer: Answer) -> None:
        """Write down what became of an attempt, however long the ledger may be down."""
        attempts = due.attempts + 1
        pause = None if answer.gone else pause_after(attempts, self._rng, answer.retry_after)
        if answer.throttles:
            rest = min(max(answer.retry_after, _REST), LONGEST_WISH)
            self._rests_until[due.url] = trio.current_time() + rest
        self._say(due, answer, attempts, pause)

        def write(connection: Connection) -> None:
            if answer.taken:
                sending.delivered(connection, due)
            else:
                sending.failed(connection, due, answer.why, pause)

        health = self._database.health
        while True:
            try:
                return await self._database.write(write, lazy=True)
            except Unwritable:
                raise  # by no other try either
            except LedgerUnavailable:
                while not health.up:
                    await health.changed.wait()

    def _say(self, due: Due, answer: Answer, attempts: int, pause: float | None) -> None:
        log = structlog.get_logger().bind(host=self._endpoints[due.url].host, attempts=attempts)
        if answer.taken:
            log.info("delivered")
        elif answer.gone:
            log.error("endpoint_gone", why=answer.why, fix="take its [[deliveries]] out of the configuration")
        elif pause is None:
            log.error("delivery_given_up", why=answer.why, fix="see `callwarden ledger deliveries --failed`")
        else:
            log.warning("delivery_failed", why=answer.why, next_in=round(pause))
