"""Reloading: how a running daemon takes up another configuration, or says why it doesn't.

The file is read and checked in a worker thread, whole; a bad one changes nothing. A good one is what new calls begin
with; calls in progress keep theirs. Webhook secrets, routes, limits and the platform's key hold from then on for
everybody; what was opened at the start stays as it was opened.

Used by `app.py` only. Owner of no nursery; `work` is a task of its own. Wishes that come while a load is under way are
one more load. Imports calls.supervisor, config, operate, web.signature.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
import trio

from daemon.calls.setting import Setting
from daemon.calls.supervisor import Supervisor
from daemon.config import Config, every_secret
from daemon.config.changes import as_far_as_running, changes, restart_keys
from daemon.core.snapshots import Reloaded
from daemon.errors import ConfigError, NotNow, Problem, StartError
from daemon.observe import log
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.platforms.xai import Xai
from daemon.web.signature import Verifier, secrets_in

Read = Callable[[], Config]
"""Reads the configuration, blocking. Errors: `ConfigError`."""
Equip = Callable[[Setting, Config], Awaitable[Setting]]
"""Gives a setting what another configuration needs to be open. Errors: `StartError`."""
Noted = Callable[[float | None], None]
"""Told when a reload worked, Unix seconds, or None for one that was refused; for the metrics."""


class Load:
    """One load that somebody waits for."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.result: Reloaded | ConfigError | NotNow | None = None
        self.wanted_by: list[str] = []


class Reloader:
    """Takes wishes to reload, and carries them out one after another."""

    def __init__(
        self,
        read: Read | None,
        equip: Equip,
        supervisor: Supervisor,
        verifier: Verifier,
        platform: Xai,
        stop: Stop,
        notifier: Notifier,
        noted: Noted = lambda _: None,
    ) -> None:
        self._read = read
        self._equip = equip
        self._supervisor = supervisor
        self._verifier = verifier
        self._platform = platform
        self._stop = stop
        self._notifier = notifier
        self._noted = noted
        self._next = Load()
        self._wanted = trio.Event()
        self.restart_keys: tuple[str, ...] = ()
        """What was changed in the file and does not hold until the next start."""
        self.failure = ""
        """Why the last load was refused."""

    def request(self, who: str) -> Load:
        """Wish for a load that begins after this moment. Plain; returns at once."""
        self._next.wanted_by.append(who)
        self._wanted.set()
        return self._next

    async def reload(self, who: str) -> Reloaded:
        """Wish for a load and wait for its outcome. Errors: `ConfigError`, `NotNow`. Cancelling ends the wait only."""
        load = self.request(who)
        await load.done.wait()
        if isinstance(load.result, Reloaded):
            return load.result
        raise load.result or AssertionError("a load was done without a result")

    async def work(self) -> None:
        """Carry out wishes until cancelled."""
        while True:
            await self._wanted.wait()
            load, self._next, self._wanted = self._next, Load(), trio.Event()
            try:
                await self._carry_out(load)
            except* Exception as bugs:
                # Calls go on, whatever is wrong with us: the old generation holds.
                structlog.get_logger().error("reload_failed", exc_info=bugs)
                load.result = NotNow("an error in Callwarden kept it from reloading; the log has it")
                self._noted(None)
            finally:
                load.done.set()

    async def _carry_out(self, load: Load) -> None:
        try:
            load.result = await self._load(load)
        except ConfigError as error:
            load.result = error
            self._refuse(error)
        except StartError as error:  # something that the new configuration needs can't be opened
            load.result = ConfigError(Problem("configuration", str(error)))
            self._refuse(load.result)
        except NotNow as error:
            load.result = error
            structlog.get_logger().warning("reload_ignored", why=str(error))

    async def _load(self, load: Load) -> Reloaded:
        if self._read is None:
            raise NotNow("this daemon was started without a file that could be read again")
        self._check_stopping()
        structlog.get_logger().info("reloading", wanted_by=", ".join(dict.fromkeys(load.wanted_by)))
        self._notifier.reloading("reloading the configuration")
        try:
            config = await trio.to_thread.run_sync(self._read)
            log.redactor.hide(secret.reveal() for secret in every_secret(config))
            held = as_far_as_running(self._supervisor.setting.config, config)
            equipped = await self._equip(self._supervisor.setting, held)
            self._check_stopping()
            return self._take_up(config, held, equipped)
        finally:
            # Also after a failure: we are as ready as before.
            self._notifier.ready("paused" if self._supervisor.paused else "ready")

    def _check_stopping(self) -> None:
        if self._stop.draining.is_set():
            raise NotNow("the daemon drains: it takes no more calls, so there is nothing to reload for")

    def _take_up(self, config: Config, held: Config, equipped: Setting) -> Reloaded:
        """Let it hold, from this moment on. Plain, so that nobody ever sees half of it."""
        present = self._supervisor.setting
        changed, waiting = changes(present.config, held), restart_keys(present.config, config)
        generation = present.generation
        if changed:
            self._verifier.trust(secrets_in(held), held.server.clock_tolerance)
            self._platform.follow(held.platform.xai)
            generation += 1
            self._supervisor.adopt(replace(equipped, config=held, generation=generation, loaded_at=present.wall()))
            if "log.level" in changed:
                log.set_level(held.log.level)
        self.restart_keys, self.failure = waiting, ""
        self._noted(present.wall())
        structlog.get_logger().warning("reloaded", generation=generation, changed=changed, needs_restart=waiting)
        return Reloaded(generation=generation, changed=changed, restart_keys=waiting)

    def _refuse(self, error: ConfigError) -> None:
        """Say why nothing has changed."""
        self.failure = str(error)
        self._noted(None)
        problems = [str(problem) for problem in error.problems]
        generation = self._supervisor.setting.generation
        structlog.get_logger().error("reload_refused", problems=problems, generation=generation)
        self._notifier.status(f"reload refused: {problems[0]}")
