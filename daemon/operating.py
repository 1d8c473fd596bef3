"""Operating: everything beside the calls that lets somebody see them and act on them.

    operating
    └─ services nursery
       ├─ signals ............. operate/signals.py
       ├─ reloader ............ reload.py
       ├─ loop lag, deliveries owed, watchdog, status
       ├─ deliveries .......... deliveries/, out of the ledger's outbox
       └─ operator server ..... operate/api.py and console/ on the control socket and on loopback

Used by `app.py` only. Owner of that nursery. Begins before the first call is taken and ends after the last is over, so
that start and stop can be watched. Imports calls' viewing, control, reload, console, operate, observe, ledger and
web.serve.
"""

import math
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import trio
from hypercorn.typing import ASGIFramework

from daemon import __version__, deliveries
from daemon.calls import accounting
from daemon.calls.supervisor import Supervisor
from daemon.config import Config, every_secret
from daemon.console import Beside, create_console
from daemon.control import Control, Surroundings
from daemon.ledger.open import OpenLedger
from daemon.ledger.owed import DeliveriesOwed
from daemon.observe import log
from daemon.observe.feed import Feed
from daemon.observe.lag import LoopLag
from daemon.observe.metrics import Metrics
from daemon.operate.access import Gate
from daemon.operate.activation import Systemd
from daemon.operate.api import MAX_BODY, create_api
from daemon.operate.events import Ring
from daemon.operate.listening import open_control
from daemon.operate.readings import Readings, Sources
from daemon.operate.signals import watch_signals
from daemon.operate.status import keep_telling
from daemon.operate.stop import Stop
from daemon.operate.watchdog import Watchdog
from daemon.reload import Reloader
from daemon.web.limits import ServerLimits
from daemon.web.listen import addresses
from daemon.web.quiet import Quiet
from daemon.web.serve import Server

# Whoever follows the events stays connected; what is asked otherwise has limits of its own. A body that is too large by
# the API's own reckoning is to be refused by the API, in its own words.
LIMITS = ServerLimits(
    max_connections=256,
    header_timeout=10.0,
    request_timeout=math.inf,
    keep_alive=60.0,
    send_timeout=10.0,
    max_body=16 * MAX_BODY,
)
# Seconds at the end for answers that are on their way.
_GRACE = 1.0


class Instruments:
    """What watches the calls from the first one on."""

    def __init__(self, feed: Feed) -> None:
        self.metrics = Metrics(version=__version__)
        self.ring = Ring()
        self.lag = LoopLag(self.metrics.lag)
        feed.watch(self.metrics.watch)
        feed.watch(self.ring.watch)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is operated."""

    supervisor: Supervisor
    server: Server
    """The public one."""
    quiet: Quiet
    """What strangers brought about there."""
    opened: OpenLedger
    reloader: Reloader
    stop: Stop
    systemd: Systemd


@asynccontextmanager
async def operating(config: Config, parts: Parts, instruments: Instruments) -> AsyncIterator[None]:
    """Let the daemon be operated while the block lasts. Errors: `StartError` if the control socket can't be had."""
    control = make_control(parts, instruments)
    owed = DeliveriesOwed(parts.opened.database, parts.opened.health)
    quiet = Quiet()
    heartbeats = {"calls": parts.supervisor.beat, "ledger": parts.opened.keeper.turn}
    watchdog = Watchdog(parts.systemd.notifier, heartbeats)
    parts.opened.database.timed = instruments.metrics.transaction
    instruments.metrics.configured(parts.supervisor.setting.loaded_at)
    log.redactor.hide(secret.reveal() for secret in every_secret(config))
    log.identify(node=lambda: parts.opened.node, epoch=lambda: parts.opened.lease.epoch)
    listeners = await open_control(config.operator, parts.opened.folder, os.environ, parts.systemd.passed)
    ring, gate = instruments.ring, Gate(config.operator.token)
    surface: ASGIFramework = create_api(control, ring, instruments.metrics.registry, gate, quiet)
    if config.operator.console:
        surface = Beside(surface, create_console(control, parts.opened.database, ring, gate, quiet))
    server = Server(surface, listeners, LIMITS, quiet=quiet, name="operator server")
    sources = Sources(
        connections={"webhook": lambda: parts.server.connections, "operator": lambda: server.connections},
        troubles={"webhook": parts.quiet.totals, "operator": quiet.totals},
        claims=parts.opened.ledger.held.at_fault,
        deliveries=lambda: owed.latest,
        watchdog_age=lambda: watchdog.age,
    )
    instruments.metrics.registry.register(Readings(control, sources))
    others = {
        signal.SIGQUIT: lambda: control.make_room("SIGQUIT"),
        signal.SIGHUP: lambda: parts.reloader.request("SIGHUP"),
        signal.SIGUSR1: lambda: control.toggle_pause("SIGUSR1"),
        signal.SIGUSR2: control.log_tree,
    }
    async with trio.open_nursery() as services:
        await services.start(watch_signals, parts.stop, others, name="signals")
        services.start_soon(parts.reloader.work, name="reloader")
        services.start_soon(instruments.lag.sample, name="loop lag")
        services.start_soon(owed.look, name="deliveries owed")
        # Before the first call: what was spent before we started counts.
        await services.start(accounting.run, parts.opened.database, parts.supervisor, name="accounting")
        # So that it is there to the last receipt.
        sending = partial(deliveries.run, parts.opened.database, config, parts.supervisor.setting.wall, random.Random())
        await services.start(sending, name="deliveries")
        services.start_soon(watchdog.feed, name="watchdog")
        services.start_soon(keep_telling, parts.systemd.notifier, control.vitals, name="status")
        async with _served(server, listeners):
            yield
            instruments.ring.close()
        services.cancel_scope.cancel(reason="stopped")


@asynccontextmanager
async def _served(server: Server, listeners: list[trio.SocketListener]) -> AsyncIterator[None]:
    """Have the operator's server run while the block lasts, if there is something to listen on."""
    if not listeners:
        yield
        return
    async with trio.open_nursery() as serving:
        await serving.start(server.run, name="operator server")
        structlog.get_logger().info("operators", listening=addresses(listeners))
        yield
        server.stop(grace=_GRACE, reason="stopped")


def make_control(parts: Parts, instruments: Instruments) -> Control:
    """Put the desk together."""
    opened = parts.opened
    surroundings = Surroundings(
        node=opened.node,
        epoch=lambda: opened.lease.epoch,
        ledger_trouble=lambda: "" if opened.health.up else (opened.health.why or "not open yet"),
        loop_lag=instruments.lag.percentile,
        watchers=lambda: instruments.ring.followers,
        events_dropped=lambda: instruments.ring.dropped,
        log_dropped=log.dropped,
    )
    return Control(parts.supervisor, parts.stop, parts.reloader, parts.systemd.notifier, surroundings)
