"""The wiring: what is started in which order, and what is stopped in which order. The only room that sees them all.

Owner of the root nursery and of the one that serves:

    run_daemon
    └─ root ................. until everything below has ended
       ├─ signals ........... operate/signals.py
       ├─ debt collector .... calls/collector.py
       └─ serving
          ├─ supervisor ..... calls/supervisor.py, which owns the calls
          └─ webhook server . web/serve.py

Start: platform, signals, supervisor, addresses, server, READY. Stop: see `_drain`. Nothing here knows what a call
does.
"""

import random
from functools import partial

import structlog
import trio
from quart_trio import QuartTrio

from daemon.calls.collector import DebtCollector
from daemon.calls.setting import Setting
from daemon.calls.supervisor import Supervisor
from daemon.config import Config
from daemon.core.durations import format_duration
from daemon.ledger.memory import MemoryLedger
from daemon.observe.clock import WallClock, system_clock
from daemon.observe.eventfile import open_event_file
from daemon.observe.feed import Feed
from daemon.observe.log import log_entries
from daemon.observe.metrics import Metrics
from daemon.operate.signals import watch_signals
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.platforms.base import Platform
from daemon.platforms.xai import open_platform
from daemon.web.ingress import create_app
from daemon.web.limits import ServerLimits
from daemon.web.listen import addresses, open_listeners
from daemon.web.serve import Server
from daemon.web.signature import SigningSecret, Verifier

EXIT_DONE = 0
EXIT_OWING = 1
"""Hang-ups are still owed: callers may still be connected."""
EXIT_FORCED = 75
"""The drain deadline, or somebody's impatience, ended calls (EX_TEMPFAIL)."""

# Requests that are being answered when the server stops; verdicts take milliseconds.
_SERVER_GRACE = 5.0
_STATUS_INTERVAL = 5.0


async def run_daemon(
    config: Config,
    *,
    events: str | None = None,
    wall: WallClock = system_clock,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Run until told to stop; gives the exit code. Started means ready, with the addresses it listens on.

    `events` names a file for everything that happens in calls. Cancelling hangs up every call and stops.
    Errors: `StartError`, alone or in an exception group, and only before READY.
    """
    notifier, stop, feed = Notifier(), Stop(), Feed(wall)
    feed.watch(log_entries(transcripts=config.log.transcripts))
    feed.watch(Metrics().watch)
    async with open_platform(config.platform.xai) as platform, open_event_file(events, feed):
        setting = _setting(config, platform, feed, wall)
        supervisor = Supervisor(setting)
        async with trio.open_nursery() as root:
            await root.start(watch_signals, stop, partial(_toggle_pause, supervisor, notifier), name="signals")
            await root.start(setting.collector.run, name="debt collector")
            async with trio.open_nursery() as serving:
                await serving.start(supervisor.run, name="supervisor")
                listeners = await open_listeners(config.server.bind)
                server = Server(_webhook_app(setting, supervisor), listeners, _server_limits(config))
                await serving.start(server.run, name="webhook server")
                structlog.get_logger().info("ready", listening=addresses(listeners), agents=sorted(config.agents))
                notifier.tell(READY=1, STATUS="ready")
                task_status.started(addresses(listeners))
                await stop.draining.wait()
                forced = await _drain(supervisor, server, stop, notifier, config)
            await setting.collector.settle(config.drain.settle_timeout)
            code = _exit_code(stop, forced=forced, owing=bool(setting.collector.debts))
            root.cancel_scope.cancel(reason="stopped")
    structlog.get_logger().info("stopped", code=code)
    return code


def _setting(config: Config, platform: Platform, feed: Feed, wall: WallClock) -> Setting:
    ledger, rng = MemoryLedger(), random.Random()
    collector = DebtCollector(platform, ledger, feed, config.platform.xai, rng)
    return Setting(config=config, platform=platform, ledger=ledger, collector=collector, feed=feed, wall=wall, rng=rng)


def _toggle_pause(supervisor: Supervisor, notifier: Notifier) -> None:
    if supervisor.paused:
        supervisor.resume()
    else:
        supervisor.pause()
    status = "paused" if supervisor.paused else "ready"
    structlog.get_logger().info(status, calls=supervisor.live)
    notifier.tell(STATUS=f"{status}, {supervisor.live} calls")


def _exit_code(stop: Stop, *, forced: bool, owing: bool) -> int:
    if owing:
        return EXIT_OWING
    return EXIT_FORCED if forced and not stop.forced.is_set() else EXIT_DONE


def _webhook_app(setting: Setting, supervisor: Supervisor) -> QuartTrio:
    config = setting.config
    secrets = [SigningSecret(value=secret.reveal()) for secret in config.platform.xai.webhook_secrets]
    for number, entry in config.numbers.items():
        secrets += [SigningSecret(number=number, value=secret.reveal()) for secret in entry.webhook_secrets]
    return create_app(
        reception=supervisor,
        verifier=Verifier(secrets, wall=setting.wall, tolerance=config.server.clock_tolerance),
        read_webhook=setting.platform.read_webhook,
        webhook_path=config.server.webhook_path,
        max_body=config.server.max_body,
        body_timeout=config.server.header_timeout,
    )


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


async def _drain(supervisor: Supervisor, server: Server, stop: Stop, notifier: Notifier, config: Config) -> bool:
    """Stop in steps, each ended early by a second wish to stop; tells whether calls had to be hung up.

    1. Unready, but still taking calls, so that a balancer finds out before anybody is refused.
    2. No more calls; wait for those in progress.
    3. The deadline, or impatience: hang up the rest, and wait for their receipts.
    """
    log = structlog.get_logger()
    log.info("drain", calls=supervisor.live, why=stop.reasons[0], deadline=format_duration(config.drain.deadline))
    notifier.tell(STOPPING=1, STATUS=_left(supervisor))
    supervisor.leave_pool()
    await stop.wait_forced(config.drain.lame_duck)
    supervisor.close()
    server.stop(grace=_SERVER_GRACE, reason="drain")
    with trio.move_on_after(config.drain.deadline):
        await _calls_end_or(stop, supervisor, notifier)
    forced = supervisor.live > 0
    if forced:
        deadline = f"drain deadline {format_duration(config.drain.deadline)}"
        reasons = (stop.reasons[1], stop.reasons[0]) if stop.forced.is_set() else (deadline, stop.reasons[0])
        log.warning("hanging_up_all", calls=supervisor.live, why=" > ".join(reasons))
        supervisor.hang_up_all(*reasons)
        await supervisor.idle()
    return forced


def _left(supervisor: Supervisor) -> str:
    return f"draining, {supervisor.live} {'call' if supervisor.live == 1 else 'calls'} left"


async def _calls_end_or(stop: Stop, supervisor: Supervisor, notifier: Notifier) -> None:
    """Wait until the last call has ended or somebody loses patience, and tell systemd that we do."""
    async with trio.open_nursery() as waiting:

        async def impatience() -> None:
            await stop.forced.wait()
            waiting.cancel_scope.cancel(reason=stop.reasons[-1])

        async def report() -> None:
            while True:
                extension = int(3 * _STATUS_INTERVAL * 1_000_000)
                structlog.get_logger().info("draining", calls=supervisor.live)
                notifier.tell(STATUS=_left(supervisor), EXTEND_TIMEOUT_USEC=extension)
                await trio.sleep(_STATUS_INTERVAL)

        waiting.start_soon(impatience, name="drain: impatience")
        waiting.start_soon(report, name="drain: report")
        await supervisor.idle()
        waiting.cancel_scope.cancel(reason="no calls left")
