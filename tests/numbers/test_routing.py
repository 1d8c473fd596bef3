"""Setting up a number at each carrier, with faults and with death at every step: the end is right, nothing is twice."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from daemon.errors import CarrierRefused, CarrierUnavailable, SetupStopped
from daemon.sandbox.rest import Answer, Asked, Fault, Scripted
from tests.numbers.accounts import ACCOUNTS, NUMBER, OTHER, TOKEN, Account, TelnyxAccount, TwilioAccount
from tests.numbers.doom import Doom, Killed

Open = Callable[[Path], Account]

EVERY = bool(os.environ.get("CALLWARDEN_EXHAUSTIVE"))


def some(steps: int) -> range:
    """Steps to die at: every one in `make exhaust`, and otherwise a few, others for other numbers of steps."""
    return range(1, steps + 1) if EVERY else range(1 + steps % 7, steps + 1, 17)


by_carrier = pytest.mark.parametrize("opened", ACCOUNTS.values(), ids=ACCOUNTS.keys())


class Deaf(Scripted):
    """Lets the first answer to every creation get lost on its way."""

    def __call__(self, asked: Asked) -> Answer | Fault:
        answer = self.desk(asked)
        if asked.method == "POST" and answer.status == 201 and asked.path not in {one.path for one in self.asked}:
            self.asked.append(asked)
            return Fault.CUT_AFTER
        return answer


def book(account: Account) -> Any:
    return account.shelf.load(account.carrier().name)


@by_carrier
async def test_apply_and_remove(opened: Open, tmp_path: Path) -> None:
    account = opened(tmp_path)
    before = account.state()
    await account.apply()
    assert account.leads_to_us()
    changes = account.changes_asked
    # The last change is the only one that moves calls.
    assert all(NUMBER not in change and "phone_numbers" not in change for change in changes[:-1])
    # Again: it only looks.
    assert await account.apply() == []
    assert account.changes_asked == changes
    await account.remove()
    assert account.state() == before
    assert await account.remove() == []
    assert (book(account).routes, book(account).made, book(account).pending) == ({}, {}, {})
    assert TOKEN not in (tmp_path / f"{account.carrier().name}.json").read_text()


@by_carrier
async def test_killed_at_every_step_of_applying(opened: Open, tmp_path: Path) -> None:
    whole = opened(tmp_path / "whole")
    before = whole.state()
    doom = Doom()
    await whole.apply(doom)
    assert doom.steps > 30
    for at in some(doom.steps):
        account = opened(tmp_path / str(at))
        with pytest.raises(Killed):
            await account.apply(Doom(at))
        await account.apply()
        assert account.state() == whole.state(), f"killed at step {at}"
        assert account.leads_to_us()
        await account.remove()
        assert account.state() == before, f"killed at step {at}, then removed"


@by_carrier
async def test_killed_at_every_step_of_applying_and_then_given_up(opened: Open, tmp_path: Path) -> None:
    whole = opened(tmp_path / "whole")
    before = whole.state()
    doom = Doom()
    await whole.apply(doom)
    for at in some(doom.steps):
        account = opened(tmp_path / str(at))
        with pytest.raises(Killed):
            await account.apply(Doom(at))
        await account.remove()
        assert account.state() == before, f"killed at step {at}"


@by_carrier
async def test_killed_at_every_step_of_removing(opened: Open, tmp_path: Path) -> None:
    whole = opened(tmp_path / "whole")
    before = whole.state()
    await whole.apply()
    doom = Doom()
    await whole.remove(doom)
    assert doom.steps > 20
    for at in some(doom.steps):
        account = opened(tmp_path / str(at))
        await account.apply()
        with pytest.raises(Killed):
            await account.remove(Doom(at))
        await account.remove()
        assert account.state() == before, f"killed at step {at}"


FAULTS = [
    Fault.TIMEOUT,
    Fault.CUT,
    Fault.CUT_AFTER,
    Answer(500),
    Answer(503),
    Answer(429, headers={"retry-after": "5"}),
]


@by_carrier
@pytest.mark.parametrize("fault", FAULTS, ids=["timeout", "cut", "cut-after", "500", "503", "429"])
async def test_one_fault_at_every_request_is_got_over(
    opened: Open, fault: Fault | Answer, tmp_path: Path, autojump_clock: MockClock
) -> None:
    whole = opened(tmp_path / "whole")
    before = whole.state()
    await whole.apply()
    requests = len(whole.scripted.asked)
    for place in some(requests):
        account = opened(tmp_path / str(place))
        account.scripted.faults = [*[None] * (place - 1), fault]
        await account.apply()
        assert account.state() == whole.state(), f"fault at request {place}"
        account.scripted.faults = [*[None] * (place - 1), fault]
        await account.remove()
        assert account.state() == before, f"fault at request {place} of the removal"


@by_carrier
async def test_a_carrier_that_is_down_is_given_up(opened: Open, tmp_path: Path, autojump_clock: MockClock) -> None:
    account = opened(tmp_path)
    account.scripted.faults = [Answer(503)] * 10
    with pytest.raises(CarrierUnavailable, match="HTTP 503"):
        await account.apply()
    assert len(account.scripted.asked) == 3
    account.scripted.faults = [Answer(429, headers={"retry-after": "7200"})]
    with pytest.raises(CarrierUnavailable):
        await account.apply()
    assert len(account.scripted.asked) == 4


@by_carrier
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_refusals_are_told_and_repeat_no_secret(opened: Open, status: int, tmp_path: Path) -> None:
    account = opened(tmp_path)
    said = f"no, {TOKEN} and {account.password.reveal() if account.password else ''} will not do"
    bodies = {
        "twilio": {"code": 20003, "message": said, "status": status},
        "telnyx": {"errors": [{"code": "10009", "title": "Refused", "detail": said}]},
        "plivo": {"api_id": "a", "error": {"reason": said}},
    }
    refusal = Answer(status, bodies[account.carrier().name])
    account.scripted.faults = [refusal]
    with pytest.raises(CarrierRefused, match=rf"HTTP {status}: .*no, \*\*\*\* and") as refused:
        await account.apply()
    assert TOKEN not in str(refused.value)
    assert account.password is None or account.password.reveal() not in str(refused.value)


@by_carrier
async def test_a_change_that_is_refused_leaves_nothing_pending(opened: Open, tmp_path: Path) -> None:
    account = opened(tmp_path)

    desk = account.scripted.desk
    account.scripted.desk = lambda asked: desk(asked) if asked.method == "GET" else Answer(422)
    with pytest.raises(CarrierRefused, match="HTTP 422"):
        await account.apply()
    assert book(account).pending == {}
    account.scripted.desk = desk
    await account.apply()
    assert account.leads_to_us()


@by_carrier
async def test_what_was_not_agreed_to_is_not_done(opened: Open, tmp_path: Path) -> None:
    account = opened(tmp_path)
    async with account.router() as router:
        with pytest.raises(SetupStopped, match="something has changed meanwhile"):
            await router.carry_out(frozenset({"something else"}))
    assert account.changes_asked == []


@by_carrier
async def test_what_does_not_show_is_not_made_twice(opened: Open, tmp_path: Path, autojump_clock: MockClock) -> None:
    """A list that is behind: what was made does not show in it for a while, or for ever."""
    account = opened(tmp_path)
    desk = account.scripted.desk
    lists: dict[str, Answer] = {}

    def stale(asked: Asked) -> Answer:
        if asked.method != "GET":
            return desk(asked)
        return lists.setdefault(asked.path, desk(asked))

    account.scripted.desk = stale
    with pytest.raises(SetupStopped, match="does not show it"):
        await account.apply()
    assert len(account.changes_asked) == 1
    account.scripted.desk = desk
    await account.apply()
    assert account.leads_to_us()


@by_carrier
async def test_what_was_made_and_never_heard_of_is_ours(
    opened: Open, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Every answer to a creation is lost; what turns up afterwards is known to be ours, and taken away again."""
    account = opened(tmp_path)
    before = account.state()
    account.scripted = Deaf(account.scripted.desk)
    await account.apply()
    assert account.leads_to_us()
    assert len(book(account).made) == 2
    account.scripted = Scripted(account.scripted.desk)
    await account.remove()
    assert account.state() == before


@by_carrier
async def test_an_unknown_number(opened: Open, tmp_path: Path) -> None:
    account = opened(tmp_path)
    with pytest.raises(SetupStopped, match="not in this"):
        await account.apply(number=OTHER)
    assert account.changes_asked == []


@pytest.mark.parametrize("name", ["telnyx", "plivo"])
async def test_what_serves_two_numbers_is_kept_for_the_other(name: str, tmp_path: Path) -> None:
    account = ACCOUNTS[name](tmp_path)
    account.buy(OTHER)
    before = account.state()
    await account.apply()
    assert len(await account.apply(number=OTHER)) == 1
    assert account.leads_to_us(OTHER)
    # The one it was all made for goes first, and what it leaves is taken away with the last one.
    await account.remove()
    assert account.leads_to_us(OTHER)
    await account.remove(number=OTHER)
    assert account.state() == before
    assert book(account).made == {}


async def test_the_number_keeps_where_it_went_before_through_a_second_apply(tmp_path: Path) -> None:
    account = TelnyxAccount(tmp_path)
    await account.apply()
    await account.apply()
    assert book(account).routes[NUMBER].previous == {"connection_id": "77"}
    # Somebody moves it elsewhere, and we take it again: now that is where it goes back to.
    account.desk.connections["78"] = {"id": "78", "connection_name": "other", "inbound": {}}
    account.number |= {"connection_id": "78", "connection_name": "other"}
    await account.apply()
    assert book(account).routes[NUMBER].previous == {"connection_id": "78"}


async def test_without_state_nothing_is_deleted_that_may_be_somebody_elses(tmp_path: Path) -> None:
    account = TwilioAccount(tmp_path / "here")
    await account.apply()
    account.folder = tmp_path / "elsewhere"
    assert await account.apply() == []
    async with account.router() as router:
        plan = await router.preview(undo=True)
    assert [change.method for change in plan.changes] == ["DELETE"]
    assert "not made from here" in plan.notes[0]
