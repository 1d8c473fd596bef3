"""The control desk: what operators see and ask for, answered out of the rooms that know and carried out by them.

Used by `app.py` only, which gives it to the operator's server and to the signals as `operate.desk.Desk`. Everything is
plain and at once but for the waits it says it has. Imports calls, the reloader, the stop; owns nothing.
"""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
import trio

from daemon import __version__
from daemon.calls import viewing
from daemon.calls.supervisor import Supervisor
from daemon.core.snapshots import (
    Action,
    CallDetail,
    CallView,
    DaemonState,
    DrainView,
    LedgerView,
    Reloaded,
    Status,
    TaskView,
)
from daemon.errors import NoSuchDestination, NotNow
from daemon.operate.status import Vitals
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.operate.tree import tree_of
from daemon.reload import Reloader

# Seconds for which a list of calls is fresh enough: with hundreds of calls and dozens of consoles, that adds up.
_FRESH = 0.2
# Seconds an operator waits for a receipt; what takes longer goes on by itself.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the status tells beside the calls, each asked for at the moment it is told."""

    node: str
    epoch: Callable[[], str]
    ledger_trouble: Callable[[], str]
    """Why the ledger does not work; empty if it does."""
    loop_lag: Callable[[], float | None]
    watchers: Callable[[], int]
    events_dropped: Callable[[], int]
    log_dropped: Callable[[], int]


class Control:
    """The desk of one daemon; see `operate.desk.Desk`."""

    def __init__(
        self,
        supervisor: Supervisor,
        stop: Stop,
        reloader: Reloader,
        notifier: Notifier,
        surroundings: Surroundings,
    ) -> None:
        self._supervisor = supervisor
        self._stop = stop
        self._reloader = reloader
        self._notifier = notifier
        self._surroundings = surroundings
        self._began = trio.current_time()
        self._seen: tuple[CallView, ...] = ()
        self._seen_at = -math.inf
        # Below it lives everything of ours, and nothing else.
        self._root = trio.lowlevel.current_task()

    def status(self) -> Status:
        """How the daemon is."""
        supervisor, around = self._supervisor, self._surroundings
        trouble = around.ledger_trouble()
        return Status(
            state=self.state(),
            version=__version__,
            node=around.node,
            epoch=around.epoch(),
            pid=os.getpid(),
            uptime=round(trio.current_time() - self._began, 3),
            calls=supervisor.live,
            max_calls=supervisor.setting.config.limits.max_calls,
            debts=viewing.debts(supervisor.setting.collector),
            generations=viewing.generations(supervisor.setting, supervisor.calls()),
            restart_keys=self._reloader.restart_keys,
            reload_failure=self._reloader.failure,
            ledger=LedgerView(up=not trouble, why=trouble, claims=supervisor.setting.ledger.claims),
            drain=self._drain(),
            loop_lag=around.loop_lag(),
            watchers=around.watchers(),
            events_dropped=around.events_dropped(),
            log_dropped=around.log_dropped(),
        )

    def state(self) -> DaemonState:
        """The same in one word."""
        if self._stop.draining.is_set():
            return "closing" if self._stop.closed else "draining"
        if not self._supervisor.running:
            return "starting"
        if self._supervisor.paused:
            return "paused"
        return "ready" if self._supervisor.ready else "unready"

    def calls(self) -> tuple[CallView, ...]:
        """The calls in progress, as they are or were a moment ago."""
        now = trio.current_time()
        if now >= self._seen_at + _FRESH:
            self._seen_at, self._seen = now, viewing.views(self._supervisor.calls())
        return self._seen

    def call(self, call_id: str) -> CallDetail | None:
        """One of them."""
        call = self._supervisor.find(call_id)
        return None if call is None else viewing.detail(call)

    def tree(self) -> TaskView:
        """Every task of ours."""
        return tree_of(self._root, {call.call_id: call for call in self.calls()})

    def log_tree(self) -> None:
        """Write the tree into the log, a line for each task."""
        log = structlog.get_logger()
        for depth, task in walk(self.tree()):
            deadlines = ", ".join(f"{each.name} in {each.seconds:.1f} s" for each in task.deadlines)
            log.info("task", depth=depth, name=task.name, waits_for=task.waits_for, deadlines=deadlines, debt=task.debt)

    async def hang_up(self, call_id: str, reason: str, who: str) -> Action | None:
        """End a call."""
        reasons = (reason, who) if reason else (who,)
        if not self._supervisor.hang_up(call_id, *reasons):
            return None
        with trio.move_on_after(PATIENCE):
            call = await self._supervisor.gone(call_id)
            if call is not None and call.receipt is not None:
                outcome = call.receipt.outcome
                return Action(result="done", says=f"{outcome}: {call.receipt.why}", outcome=outcome)
            return Action(result="begun", says="the platform did not confirm the hang-up; it is owed, and tried again")
        return Action(result="begun", says="hanging up")

    def transfer(self, call_id: str, destination: str, who: str) -> Action | None:
        """Begin to transfer a caller."""
        call = self._supervisor.find(call_id)
        if call is None:
            return None
        known = call.setting.config.destinations
        if destination not in known:
            there_is = f"there is: {', '.join(known)}" if known else "there is none in the configuration of this call"
            raise NoSuchDestination(f'no destination "{destination}"; {there_is}')
        if not self._supervisor.transfer(call_id, destination, who):
            raise NotNow(f"a call that is {viewing.state_of(call)} can't be transferred now")
        return Action(result="begun", says=f"transfer to {destination} begun; the events say what becomes of it")

    def pause(self, who: str) -> Action:
        """Take no more calls."""
        self._check_stopping("pause")
        if self._supervisor.paused:
            return Action(result="nothing", says="paused already")
        self._supervisor.pause()
        return self._say("paused", who)

    def resume(self, who: str) -> Action:
        """Take calls again."""
        if self._stop.call_off():
            self._supervisor.resume()
            return self._say("resumed", who)
        self._check_stopping("resume")
        if not self._supervisor.paused:
            return Action(result="nothing", says="not paused")
        self._supervisor.resume()
        return self._say("resumed", who)

    def toggle_pause(self, who: str) -> None:
        """Do what is not the case; nothing during a drain."""
        if not self._stop.draining.is_set():
            (self.resume if self._supervisor.paused else self.pause)(who)

    def drain(self, who: str, *, now: bool) -> Action:
        """Stop the daemon."""
        if now:
            self._stop.force(who)
            return Action(result="begun", says="hanging up every call, then stopping")
        if not self._stop.drain(who):
            return Action(result="nothing", says="draining already")
        return Action(result="begun", says="draining")

    def make_room(self, who: str) -> None:
        """Stop the daemon because a successor comes; calls are left to it, if that is configured."""
        if self._supervisor.setting.config.recovery.handover == "rejoin":
            self._stop.make_room(who)
        else:
            self._stop.request(who)

    def vitals(self) -> Vitals:
        """How the daemon is, in a line for systemctl."""
        trouble, failure = self._surroundings.ledger_trouble(), self._reloader.failure
        return Vitals(
            stage="handing over" if self._stop.making_room else self.state().replace("closing", "draining"),
            calls=self._supervisor.live,
            owed=len(self._supervisor.setting.collector.debts),
            leaving=self._stop.draining.is_set(),
            trouble=(
                *((f"ledger down: {trouble}",) if trouble else ()),
                *((f"reload refused: {failure}",) if failure else ()),
                *self._over_budget(),
            ),
        )

    def _over_budget(self) -> Iterator[str]:
        setting = self._supervisor.setting
        most, spent = setting.config.costs.max_per_day, setting.budget.spent(setting.wall(), self._supervisor.calls())
        if most and spent >= most:
            yield f"the day's budget is spent: {spent:.2f} of {most:g}"

    async def reload(self, who: str) -> Reloaded:
        """Load the configuration anew."""
        return await self._reloader.reload(who)

    def _say(self, what: str, who: str) -> Action:
        calls = self._supervisor.live
        structlog.get_logger().info(what, calls=calls, who=who)
        self._notifier.status(str(self.vitals()))
        return Action(result="done", says=f"{what}; {calls} calls in progress")

    def _check_stopping(self, verb: str) -> None:
        if self._stop.draining.is_set():
            raise NotNow(f"the daemon drains, and it is too late to {verb}")

    def _drain(self) -> DrainView | None:
        stop = self._stop
        if not stop.draining.is_set():
            return None
        left = None if stop.ends_at is None else round(max(stop.ends_at - trio.current_time(), 0.0), 3)
        return DrainView(reasons=tuple(stop.reasons), closed=stop.closed, seconds=left)


def walk(task: TaskView, depth: int = 0) -> list[tuple[int, TaskView]]:
    """A tree as lines, each task with its depth."""
    return [(depth, task), *(line for child in task.tasks for line in walk(child, depth + 1))]
