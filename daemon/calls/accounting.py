"""Accounting: has the budget know, from the ledger, what was used before the start and by other nodes.

One task of the root. What the ledger can't say now is asked again later; counting goes on meanwhile. Imports Trio,
config, the ledger and this room.
"""

from contextlib import suppress
from functools import partial
from typing import Protocol

import trio

from daemon.calls.budget import DAY, HOUR
from daemon.calls.setting import Setting
from daemon.errors import LedgerUnavailable
from daemon.ledger.accounts import account
from daemon.ledger.database import Database

_EVERY = 60.0
_PATIENCE = 3.0
"""Seconds for which the start waits for the first answer."""


class HasSetting(Protocol):
    """The supervisor, as far as it matters here."""

    @property
    def setting(self) -> Setting:
        """What new calls have around them."""
        ...


async def keep_account(
    database: Database, supervisor: HasSetting, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ask now, and again and again until cancelled; started once it was asked for the first time."""
    with trio.move_on_after(_PATIENCE):
        await _ask(database, supervisor.setting)
    task_status.started()
    while True:
        await trio.sleep(_EVERY)
        await _ask(database, supervisor.setting)


async def _ask(database: Database, setting: Setting) -> None:
    config = setting.config
    spent = DAY if config.costs.max_per_day else 0.0
    came = HOUR if config.limits.max_calls_per_caller_per_hour is not None else 0.0
    if not spent and not came:
        await trio.lowlevel.checkpoint()
        return
    with suppress(LedgerUnavailable):
        known = await database.read(partial(account, spent=spent, came=came))
        setting.budget.load(known, setting.wall())
