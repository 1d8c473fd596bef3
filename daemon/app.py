"""The wiring: what is started in which order, and what is stopped in which order. The only room that sees them all.

Owner of the root nursery and of the two that serve:

    run_daemon
    └─ ledger ................. ledger/open.py; outlives everybody who writes into it
       └─ root ................ until everything below has ended
          ├─ signals .......... operate/signals.py
          ├─ watchdog ......... operate/watchdog.py; feeds systemd's while calls and ledger turn
          ├─ status ........... operate/status.py; the line that systemctl shows
          ├─ deliveries ....... deliveries/, out of the ledger's outbox
          └─ serve_calls
             ├─ debt collector  calls/collector.py; outlives the calls, whose debts it takes over
             ├─ supervisor .... calls/supervisor.py, which owns the calls
             ├─ ledger news ... calls/recovery.py; calls that come and go between nodes, orders
             └─ webhook server  web/serve.py

Start: ledger, platform, tools, addresses, signals, deliveries, collector, supervisor, recovery, server, READY. Stop:
see `drain.py`. Nothing here knows what a call does.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import structlog
import trio
from quart_trio import QuartTrio

from daemon import deliveries
from daemon.calls.collector import DebtCollector
from daemon.calls.recovery import Past, follow, recover
from daemon.calls.setting import Setting
from daemon.calls.supervisor import Supervisor
from daemon.config import Config
from daemon.drain import drain, report
from daemon.ledger.base import Ledger
from daemon.ledger.open import OpenLedger, open_ledger
from daemon.lookup.fetching import Fetch, open_fetch
from daemon.observe.clock import WallClock, system_clock
from daemon.observe.eventfile import open_event_file
from daemon.observe.feed import Feed
from daemon.observe.log import log_entries
from daemon.observe.metrics import Metrics
from daemon.operate import activation, watchdog
from daemon.operate.signals import watch_signals
from daemon.operate.status import Vitals, counted, keep_telling
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.platforms.base import Platform
from daemon.platforms.xai import open_platform
from daemon.tools import open_tools
from daemon.tools.base import Tool
from daemon.web.ingress import create_app
from daemon.web.limits import ServerLimits
from daemon.web.listen import addresses, open_listeners
from daemon.web.serve import Server
from daemon.web.signature import SigningSecret, Verifier

EXIT_DONE = 0
EXIT_OWING = 1
"""Hang-ups are still owed: callers may still be connected."""
EXIT_OVERDUE = 75
"""The drain deadline ended calls (EX_TEMPFAIL)."""


async def run_daemon(
    config: Config,
    *,
    events: str | None = None,
    notifier: Notifier | None = None,
    passed: activation.Passed | None = None,
    wall: WallClock = system_clock,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Run until told to stop; gives the exit code. Started means ready, with the addresses it listens on.

    `events` names a file for everything that happens in calls. `notifier` and `passed` are what systemd has given us;
    without them they are taken out of the environment. Cancelling hangs up every call and stops.
    Errors: `StartError` and `ConfigError`, alone or in an exception group, and only before READY.
    """
    stop, feed = Stop(), Feed(wall)
    notifier = Notifier.take_over() if notifier is None else notifier
    passed = activation.take_over() if passed is None else passed
    feed.watch(log_entries(transcripts=config.log.transcripts))
    feed.watch(Metrics().watch)
    async with (
        open_ledger(config, feed.watch) as opened,
        open_platform(config.platform.xai) as platform,
        open_tools(config.tools) as tools,
        open_event_file(events, feed),
        _open_fetch(config) as fetch,
    ):
        setting = make_setting(config, platform, opened.ledger, feed, wall, random.Random(), tools, fetch=fetch)
        supervisor = Supervisor(setting)
        # Before signals are ours, so that a look-up of a name that takes for ever can be interrupted.
        listeners = await open_listeners(activation.binds(config.server, passed))
        async with trio.open_nursery() as root:
            await _listen_to_system(root, config, supervisor, stop, notifier, opened)

            def ready(recovered: int) -> None:
                structlog.get_logger().info("ready", listening=addresses(listeners), agents=sorted(config.agents))
                vitals = partial(_vitals, setting, supervisor, stop, opened)
                notifier.ready(f"ready, {counted(recovered, 'call')} recovered" if recovered else str(vitals()))
                root.start_soon(keep_telling, notifier, vitals, name="status")
                task_status.started(addresses(listeners))

            # Started first, so that it is there to the last receipt.
            await root.start(partial(deliveries.run, opened.database, config, wall, random.Random()), name="deliveries")
            past = Past(orphans=opened.orphans, news=opened.keeper.news, report=opened.keeper.report)
            code = await serve_calls(setting, supervisor, listeners, stop, notifier, ready, past)
            if not stop.making_room:
                await deliveries.flush(opened.database, config)
            root.cancel_scope.cancel(reason="stopped")
    structlog.get_logger().info("stopped", code=code)
    return code


async def _listen_to_system(
    root: trio.Nursery, config: Config, supervisor: Supervisor, stop: Stop, notifier: Notifier, opened: OpenLedger
) -> None:
    """Start what signals and systemd's watchdog are about."""
    signals = partial(watch_signals, hands_over=config.recovery.handover == "rejoin")
    await root.start(signals, stop, partial(_toggle_pause, supervisor, stop, notifier), name="signals")
    heartbeats = {"calls": supervisor.beat, "ledger": opened.keeper.turn}
    root.start_soon(watchdog.feed, notifier, heartbeats, name="watchdog")


async def serve_calls(
    setting: Setting,
    supervisor: Supervisor,
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]],
    stop: Stop,
    notifier: Notifier,
    ready: Callable[[int], None],
    past: Past | None = None,
) -> int:
    """Answer calls on these listeners until told to stop; gives the exit code.

    The daemon without its edges (ledger, platform, addresses, signals, files), so that a simulation runs the very
    same. Calls of the past are on the line again, or known not to be, before `ready` is told how many there were.
    Cancelling hangs up every call.
    """
    config = setting.config
    server = Server(_webhook_app(setting, supervisor), listeners, _server_limits(config))
    async with trio.open_nursery() as collecting:
        await collecting.start(setting.collector.run, name="debt collector")
        try:
            async with trio.open_nursery() as serving:
                await serving.start(supervisor.run, name="supervisor")
                recovered = 0
                if past is not None:
                    recovered = await recover(past.orphans, supervisor, config.platform.xai.join_budget)
                    collecting.start_soon(follow, past.news, supervisor, past.report, name="ledger news")
                await serving.start(server.run, name="webhook server")
                ready(recovered)
                await stop.draining.wait()
                collecting.start_soon(report, supervisor, notifier, config.drain, name="progress")
                overdue = await drain(supervisor, server, stop, notifier, config)
        finally:
            # Also when something here fails, or is cancelled: the callers are real, whatever became of us. A successor
            # finds in the ledger what is owed, and goes on with it.
            with trio.move_on_after(0 if stop.making_room else config.drain.settle_timeout, shield=True):
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
) -> Setting:
    """Put together what every call has around it."""
    collector = DebtCollector(platform, ledger, feed, config.platform.xai, rng)
    return Setting(
        config=config,
        platform=platform,
        ledger=ledger,
        collector=collector,
        feed=feed,
        wall=wall,
        tools=tools or {},
        rng=rng,
        fetch=fetch,
    )


def _open_fetch(config: Config) -> AbstractAsyncContextManager[Fetch | None]:
    """With what callers are looked up, if any agent wants that."""
    return open_fetch() if any(agent.lookup.url for agent in config.agents.values()) else nullcontext()


def _toggle_pause(supervisor: Supervisor, stop: Stop, notifier: Notifier) -> None:
    if stop.draining.is_set():
        return
    if supervisor.paused:
        supervisor.resume()
    else:
        supervisor.pause()
    status = "paused" if supervisor.paused else "ready"
    structlog.get_logger().info(status, calls=supervisor.live)
    notifier.status(str(Vitals(stage=status, calls=supervisor.live)))


def _vitals(setting: Setting, supervisor: Supervisor, stop: Stop, opened: OpenLedger) -> Vitals:
    """How we are, for whoever looks at us from outside."""
    leaving = stop.draining.is_set()
    down = () if opened.health.up else (f"ledger down: {opened.health.why}",)
    return Vitals(
        stage=("handing over" if stop.making_room else "draining")
        if leaving
        else "paused"
        if supervisor.paused
        else "ready",
        calls=supervisor.live,
        owed=len(setting.collector.debts),
        leaving=leaving,
        trouble=down,
    )


def _webhook_app(setting: Setting, supervisor: Supervisor) -> QuartTrio:
    config = setting.config
    secrets = [SigningSecret(value=secret.reveal()) for secret in config.platform.xai.webhook_secrets]
    for number, entry in config.numbers.items():
        secrets += [SigningSecret(number=number, value=secret.reveal()) for secret in entry.webhook_secrets]
    return create_app(
        reception=supervisor,
        verifier=Verifier(secrets, wall=setting.wall, tolerance=config.server.clock_tolerance),
        read_webhook=partial(setting.platform.read_webhook, keep=_wanted_headers(config)),
        webhook_path=config.server.webhook_path,
        max_body=config.server.max_body,
        body_timeout=config.server.header_timeout,
    )


def _wanted_headers(config: Config) -> frozenset[str]:
    """The SIP headers that some agent is told of, in lower case; of no other is any text kept."""
    return frozenset(header.lower() for agent in config.agents.values() for header in agent.sip_headers)


def _server_limits(config: Config) -> ServerLimits:
    server = config.server
    return ServerLimits(
        max_connections=server.max_connections,
        header_timeout=server.header_timeout,
        request_timeout=server.request_timeout,
        keep_alive=server.keep_alive,
        send_timeout=server.send_timeout,
        max_body=server.max_body,
    )
