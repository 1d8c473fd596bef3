"""The wiring: what is started in which order, and what is stopped in which order. The only room that sees them all.

Owner of the two nurseries that serve:

    run_daemon
    └─ ledger ................. ledger/open.py; outlives everybody who writes into it
       └─ operating ........... operating.py; signals, operators, reloads, samplers: from before the first call to after
          │                     the last
          └─ serve_calls
             ├─ debt collector  calls/collector.py; outlives the calls, whose debts it takes over
             ├─ supervisor .... calls/supervisor.py, which owns the calls
             ├─ ledger news ... calls/recovery.py; calls that come and go between nodes, orders
             └─ webhook server  web/serve.py

Start: ledger, platform, tools, addresses, signals, operators, deliveries, collector, supervisor, recovery, server,
READY. Stop: see `drain.py`. Nothing here knows what a call does.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import structlog
import trio

from daemon import deliveries
from daemon.calls.collector import DebtCollector
from daemon.calls.recovery import Past, follow, recover
from daemon.calls.setting import Setting
from daemon.calls.supervisor import Supervisor
from daemon.config import Config
from daemon.core.incoming import IncomingCall
from daemon.drain import Heir, anybody, drain, lame_duck, report
from daemon.errors import ConfigError
from daemon.ledger.base import Ledger
from daemon.ledger.health import Health
from daemon.ledger.open import OpenLedger, open_ledger
from daemon.lookup.fetching import Fetch, open_fetch
from daemon.observe.clock import WallClock, system_clock
from daemon.observe.entries import log_entries
from daemon.observe.eventfile import open_event_file
from daemon.observe.feed import Feed
from daemon.observe.recorder import Recorder, open_recorder
from daemon.observe.tracing import open_tracing
from daemon.operate.activation import Systemd, binds
from daemon.operate.status import counted
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.operating import Instruments, Parts, operating
from daemon.platforms.base import Platform
from daemon.platforms.xai import open_platform
from daemon.reload import Read, Reloader
from daemon.tools import checked_transport, open_tools
from daemon.tools.base import Tool
from daemon.web.ingress import create_app
from daemon.web.limits import ServerLimits
from daemon.web.listen import addresses, open_listeners
from daemon.web.quiet import Quiet
from daemon.web.serve import Server
from daemon.web.signature import Verifier, secrets_in
from daemon.web.webhook import Count

EXIT_DONE = 0
EXIT_OWING = 1
"""Hang-ups are still owed: callers may still be connected."""
EXIT_OVERDUE = 75
"""The drain deadline ended calls (EX_TEMPFAIL)."""


async def run_daemon(
    config: Config,
    *,
    events: str | None = None,
    read: Read | None = None,
    systemd: Systemd | None = None,
    wall: WallClock = system_clock,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Run until told to stop; gives the exit code. Started means ready, with the addresses it listens on.

    `events` names a file for everything that happens in calls; `read` reads the configuration again, for a reload.
    `systemd` is what that has given us; without it, it is taken out of the environment.
    Cancelling hangs up every call and stops. Errors: `StartError` and `ConfigError`, alone or in an exception group,
    and only before READY.
    """
    systemd, feed = systemd or Systemd.take_over(), Feed(wall)
    instruments, notifier, stop = Instruments(feed), systemd.notifier, Stop(managed=systemd.notifier.heard)
    async with (
        open_ledger(config, feed.watch) as opened,
        open_platform(config.platform.xai) as platform,
        open_tools(config.tools) as tools,
        open_event_file(events, feed),
        open_fetch(checked_transport()) as fetch,
        open_recorder(config.recording.directory, keep=config.recording.keep) as recorder,
        open_tracing(config.tracing.endpoint, config.tracing.ratio, opened.node, feed.watch) as traceparent,
        AsyncExitStack() as later,
    ):
        setting = make_setting(
            config, platform, opened.ledger, feed, wall, random.Random(), tools, fetch=fetch, recorder=recorder
        )
        setting = replace(setting, traceparent=traceparent)
        supervisor = Supervisor(setting)
        feed.watch(log_entries(lambda: supervisor.setting.config.log.transcripts))
        verifier, quiet = make_verifier(config, wall), Quiet()
        # Before signals are ours, so that a look-up of a name that takes for ever can be interrupted.
        listeners = await open_listeners(binds(config.server, systemd.passed))
        server = make_server(setting, supervisor, listeners, verifier, quiet, count=instruments.metrics.webhook)

        def ready(recovered: int) -> None:
            _tell_ready(addresses(listeners), sorted(config.agents), notifier, recovered)
            task_status.started(addresses(listeners))

        equip, heir = partial(_equip, later), partial(why_no_heir, opened.health, read)
        reloader = Reloader(read, equip, supervisor, verifier, platform, stop, notifier, instruments.metrics.reload)
        parts = Parts(supervisor, server, quiet, opened, reloader, stop, systemd)
        async with operating(config, parts, instruments):
            past = Past(orphans=opened.orphans, news=opened.keeper.news, report=opened.keeper.report)
            code = await serve_calls(setting, supervisor, server, stop, notifier, ready, past, heir)
            await _deliver_the_last(config, opened, stop)
    structlog.get_logger().info("stopped", code=code)
    return code


async def _deliver_the_last(config: Config, opened: OpenLedger, stop: Stop) -> None:
    """Send what is owed to whoever is told of calls, unless a successor sees to it."""
    if not stop.making_room:
        await deliveries.flush(opened.database, config)


def _tell_ready(names: list[str], agents: list[str], notifier: Notifier, recovered: int) -> None:
    structlog.get_logger().info("ready", listening=names, agents=agents)
    notifier.ready(f"ready, {counted(recovered, 'call')} recovered" if recovered else "ready")


async def why_no_heir(health: Health, read: Read | None) -> str:
    """Why the next daemon could not go on with our calls; nothing if it could."""
    if not health.up:
        return f"the ledger is down ({health.why}): the next daemon would not find them"
    try:
        if read is not None:
            await trio.to_thread.run_sync(read, abandon_on_cancel=True)
    except ConfigError as error:
        return f"the configuration can't be used ({error.problems[0]}): the next daemon would not start"
    return ""


async def _equip(stack: AsyncExitStack, setting: Setting, config: Config) -> Setting:
    """Give a setting the tools of another configuration; they stay open as long as the stack, as calls may use them."""
    if config.tools == setting.config.tools:
        return setting
    return replace(setting, tools=await stack.enter_async_context(open_tools(config.tools)))


async def serve_calls(
    setting: Setting,
    supervisor: Supervisor,
    server: Server,
    stop: Stop,
    notifier: Notifier,
    ready: Callable[[int], None],
    past: Past | None = None,
    heir: Heir = anybody,
) -> int:
    """Answer calls that this server is told of until told to stop; gives the exit code.

    The daemon without its edges (ledger, platform, addresses, operators, files), so that a simulation runs the very
    same. Calls of the past are on the line again, or known not to be, before `ready` is told how many there were.
    Cancelling hangs up every call.
    """
    async with trio.open_nursery() as collecting:
        await collecting.start(setting.collector.run, name="debt collector")
        try:
            async with trio.open_nursery() as serving:
                await serving.start(supervisor.run, name="supervisor")
                recovered = 0
                if past is not None:
                    recovered = await recover(past.orphans, supervisor, setting.config.platform.xai.join_budget)
                    collecting.start_soon(follow, past.news, supervisor, past.report, name="ledger news")
                await serving.start(server.run, name="webhook server")
                ready(recovered)
                collecting.start_soon(report, supervisor, stop, notifier, name="progress")
                await lame_duck(supervisor, stop, notifier)
                overdue = await drain(supervisor, server, stop, notifier, heir)
        finally:
            setting.ledger.retire()
            # Also when something here fails, or is cancelled: the callers are real, whatever became of us. A successor
            # finds in the ledger what is owed, and goes on with it.
            patience = 0.0 if stop.making_room else supervisor.setting.config.drain.settle_timeout
            with trio.move_on_after(patience, shield=True):
                await setting.collector.settle()
            setting.collector.close_books()
        collecting.cancel_scope.cancel(reason="stopped")
    if setting.collector.debts and not stop.making_room:
        return EXIT_OWING
    return EXIT_OVERDUE if overdue else EXIT_DONE


def make_setting(
    config: Config,
    platform: Platform,
    ledger: Ledger,
    feed: Feed,
    wall: WallClock,
    rng: random.Random,
    tools: Mapping[str, Tool] | None = None,
    *,
    fetch: Fetch | None = None,
    recorder: Recorder | None = None,
) -> Setting:
    """Put together what every call has around it."""
    collector = DebtCollector(platform, ledger, feed, config.platform.xai, rng)
    setting = Setting(
        config=config,
        platform=platform,
        ledger=ledger,
        collector=collector,
        feed=feed,
        wall=wall,
        tools=tools or {},
        rng=rng,
        fetch=fetch,
        recorder=recorder,
        loaded_at=wall(),
    )
    feed.watch(setting.budget.watch)
    return setting


def make_verifier(config: Config, wall: WallClock) -> Verifier:
    """Know whom to believe."""
    return Verifier(secrets_in(config), wall=wall, tolerance=config.server.clock_tolerance)


def make_server(
    setting: Setting,
    supervisor: Supervisor,
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]],
    verifier: Verifier,
    quiet: Quiet,
    count: Count = lambda _: None,
) -> Server:
    """Make the public server, on listeners that it takes over."""

    def read_webhook(body: bytes, webhook_id: str, received_at: float) -> IncomingCall | None:
        # Of the configuration that holds now; of no header that it does not name is any text kept.
        keep = wanted_headers(supervisor.setting.config)
        return setting.platform.read_webhook(body, webhook_id, received_at, keep=keep)

    server = setting.config.server
    app = create_app(
        reception=supervisor,
        verifier=verifier,
        read_webhook=read_webhook,
        webhook_path=server.webhook_path,
        max_body=server.max_body,
        body_timeout=server.header_timeout,
        quiet=quiet,
        count=count,
    )
    limits = ServerLimits(
        max_connections=server.max_connections,
        header_timeout=server.header_timeout,
        request_timeout=server.request_timeout,
        keep_alive=server.keep_alive,
        send_timeout=server.send_timeout,
        max_body=server.max_body,
    )
    return Server(app, listeners, limits, quiet=quiet)


def wanted_headers(config: Config) -> frozenset[str]:
    """The SIP headers that some agent is told of, in lower case."""
    return frozenset(header.lower() for agent in config.agents.values() for header in agent.sip_headers)
