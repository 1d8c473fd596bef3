"""Carries out a carrier's plans, one change at a time: look, compare, write down, change, write down, look again.

What is to be done always follows from what is there, never from how far a program got. So it is safe to be killed
anywhere, to be run twice, and to meet somebody else's changes. What was begun and not seen to end is written down, and
taken for ours when it turns up. Owned by the command `carrier`; imports Trio, carriers, config, errors and this room's
book. Never prints.
"""

from collections import Counter
from typing import Any, Generic, TypeVar

import trio

from daemon.carriers.api import CarrierApi
from daemon.carriers.base import Ask, Carrier, Change, Memory, Plan
from daemon.config import Secret
from daemon.errors import CarrierRefused, CarrierUnavailable, SetupStopped
from daemon.numbers.book import Bookshelf, Route, has_mark, mark

SeenT = TypeVar("SeenT")

ATTEMPTS = 3
"""How often one run asks, or tries a change, that the carrier doesn't answer."""
_LONGEST_WAIT = 60.0
_MAX_ROUNDS = 60


class Router(Generic[SeenT]):
    """Works on one number at one carrier; whoever makes it holds the carrier's lock."""

    def __init__(
        self,
        carrier: Carrier[SeenT],
        api: CarrierApi,
        shelf: Bookshelf,
        number: str,
        *,
        username: str = "",
        password: Secret | None = None,
    ) -> None:
        self._carrier = carrier
        self._api = api
        self._shelf = shelf
        self._number = number
        self._username = username
        self._password = password
        self._book = shelf.load(carrier.name)
        self._marks: dict[str, bool] = {}

    async def preview(self, *, undo: bool = False) -> Plan:
        """What would be done; changes nothing. Errors: `CarrierError`."""
        return (await self._observe(undo=undo, keep=False))[0]

    async def carry_out(self, agreed: frozenset[str], *, undo: bool = False) -> Plan:
        """Do what was agreed to, by the keys of the changes, and nothing else; gives the plan that has nothing left.

        Errors: `SetupStopped` if there is something else to be done than was agreed, or it can't be done;
        `CarrierError`. Cancelled or failed, the same call goes on.
        """
        done: dict[str, int] = {}
        failures: Counter[str] = Counter()
        for _ in range(_MAX_ROUNDS):
            plan, seen = await self._observe(undo=undo, keep=True)
            if plan.refusals:
                raise SetupStopped("; ".join(plan.refusals))
            if not plan.changes:
                self._close(plan, undo=undo)
                return plan
            change = plan.changes[0]
            if change.key not in agreed:
                raise SetupStopped(f"something has changed meanwhile, and would need: {change.words}. Look again")
            if change.key in done:
                await self._wait_to_show(change, done)
                continue
            try:
                await self._perform(change, seen, undo=undo)
            except CarrierUnavailable as error:
                failures[change.key] += 1
                await _recover(error, failures[change.key])
            else:
                done[change.key] = 0
        raise SetupStopped(f"{self._carrier.name} does not settle after {_MAX_ROUNDS} looks; look at its console")

    async def _observe(self, *, undo: bool, keep: bool) -> tuple[Plan, SeenT]:
        """Look, take for ours what was begun and has turned up, and plan."""
        seen = await self._look()
        there = self._carrier.found(seen)
        adopted = [key for key in self._book.pending if key in there]
        for key in adopted:
            self._book.made[there[key]] = self._book.pending.pop(key)
        if adopted and keep:
            self._save()
        plan = self._carrier.undo if undo else self._carrier.plan
        return plan(seen, self._memory()), seen

    async def _look(self) -> SeenT:
        looking = self._carrier.look(self._memory())
        answer: Any = None
        while True:
            try:
                ask = looking.send(answer)
            except StopIteration as stop:
                seen: SeenT = stop.value
                return seen
            answer = await self._ask(ask)

    async def _ask(self, ask: Ask) -> object:
        for failures in range(1, ATTEMPTS):
            try:
                return await self._api.ask(ask)
            except CarrierUnavailable as error:
                await _recover(error, failures)
        return await self._api.ask(ask)

    async def _perform(self, change: Change, seen: SeenT, *, undo: bool) -> None:
        """Write down what is about to happen, let it happen, and write down what came of it."""
        if not undo:
            route = self._book.routes.setdefault(self._number, Route())
            route.username = self._username
            before = self._carrier.route(seen) if change.live else None
            if before is not None and not any(place in self._book.made for place in before.values()):
                route.previous = before
        if change.makes:
            self._book.pending[change.key] = self._number
        self._save()
        try:
            answer = await self._api.change(change)
        except CarrierRefused:
            self._book.pending.pop(change.key, None)
            self._save()
            raise
        made = _dig(answer, change.makes) if change.makes else None
        if made is not None:
            self._book.made[made] = self._book.pending.pop(change.key)
        self._book.made.pop(change.unmakes, None)
        if change.hidden & change.body.keys() and self._password is not None and not undo:
            self._book.routes[self._number].password_mark = mark(self._password)
        self._save()

    async def _wait_to_show(self, change: Change, done: dict[str, int]) -> None:
        """Give a change time to show in what is read; it is never made twice."""
        done[change.key] += 1
        if done[change.key] > ATTEMPTS:
            what = f"{self._carrier.name} accepted this and does not show it: {change.words}"
            raise SetupStopped(f"{what}. Run the same command again in a minute")
        await trio.sleep(2.0 ** done[change.key])

    def _close(self, plan: Plan, *, undo: bool) -> None:
        if undo:
            self._book.routes.pop(self._number, None)
            self._book.pending = {key: one for key, one in self._book.pending.items() if one != self._number}
        else:
            self._book.routes.setdefault(self._number, Route(username=self._username)).facts = plan.facts
        self._save()

    def _memory(self) -> Memory:
        route = self._book.routes.get(self._number, Route())
        return Memory(
            made=self._book.made,
            previous=route.previous,
            others=frozenset(self._book.routes) - {self._number},
            password_known=self._knows_password(route.password_mark),
        )

    def _knows_password(self, known: str) -> bool:
        if self._password is None:
            return True
        if known not in self._marks:
            self._marks[known] = has_mark(self._password, known)
        return self._marks[known]

    def _save(self) -> None:
        self._shelf.save(self._carrier.name, self._book)


async def _recover(error: CarrierUnavailable, failures: int) -> None:
    """Wait before trying again, as long as the carrier says, or give up."""
    delay = error.retry_after if error.retry_after is not None else 2.0**failures
    if failures >= ATTEMPTS or delay > _LONGEST_WAIT:
        raise error
    await trio.sleep(delay)


def _dig(answer: object, keys: tuple[str, ...]) -> str | None:
    """The id in an answer; None if it is not where it should be, and the next look has to find it."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, str) and answer else None
