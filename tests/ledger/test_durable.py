"""What the durable ledger promises to calls, on both engines."""

import random
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from sqlalchemy import Connection, event, update

from daemon.core import journal
from daemon.core.effects import Effect, ToolUse
from daemon.core.journal import Record
from daemon.core.receipts import Debt
from daemon.errors import LedgerUnavailable
from daemon.ledger import epochs
from daemon.ledger.epochs import Renewal
from daemon.ledger.news import Adopted, Relieved
from daemon.ledger.schema import DbNow, calls, deliveries, effects
from daemon.ledger.schema import epochs as table
from tests.ledger.house import House, incoming, load, news_of, receipt, until

USE = ToolUse(id="use-1", name="look_up", arguments='{"order":"A-1"}')
OTHER = ToolUse(id="use-2", name="look_up", arguments="{}")


async def test_a_call_from_claim_to_receipt(house: House) -> None:
    async with house.ledger() as opened:
        ledger = opened.ledger
        assert ledger.claims
        assert await ledger.claim(incoming("call-1"), "support")
        await ledger.joined("call-1")
        assert await ledger.ours("call-1")
        row = house.one(calls)
        assert (row["agent"], row["outcome"]) == ("support", None)
        assert row["announced_at"] == 1_790_000_000.5
        assert row["claimed_at"] <= row["joined_at"]
        assert await ledger.settle("call-1", receipt(), {"ping": 3})
        assert not await ledger.ours("call-1")
        assert await ledger.settle("call-1", receipt("lost"), {})  # harmless
    row = house.one(calls)
    assert row["outcome"] == "caller_left"
    assert load(row["reasons"]) == ["the caller hung up"]
    assert load(row["events"]) == {"ping": 3}
    assert (row["joined"], row["seconds"]) == (True, 12.5)


async def test_the_news_of_a_call_are_owed_with_it(house: House) -> None:
    async with house.ledger() as opened:
        await opened.ledger.claim(incoming("call-1"), "support")
        assert [row["event"] for row in house.rows(deliveries)] == ["call.claimed"]
        for _ in range(2):
            await opened.ledger.settle("call-1", receipt(), {})
        assert {row["event"] for row in house.rows(deliveries)} == {"call.claimed", "call.ended"}
        # A claim that is lost owes nothing.
        assert not await opened.ledger.claim(incoming("call-1", "another"), "support")
    assert len(house.rows(deliveries)) == 2


async def test_of_a_thousand_deliveries_to_three_nodes_one_wins_for_each_call(house: House) -> None:
    won: list[str] = []
    dice = random.Random(4)
    refuses = {"lease": 60.0, "on_failure": "refuse"}
    async with house.ledger("a", **refuses) as a, house.ledger("b", **refuses) as b, house.ledger("c", **refuses) as c:

        async def deliver(call_id: str, webhook_id: str) -> None:
            for _ in range(50):
                try:
                    if await dice.choice([a, b, c]).ledger.claim(incoming(call_id, webhook_id), "support"):
                        won.append(call_id)
                except LedgerUnavailable:
                    await trio.sleep(0.2)  # 503, on a machine that is too slow for so many; the sender tries again
                else:
                    return

        async with trio.open_nursery() as nursery:
            for number in range(1000):
                call_id = f"call-{number % 20}"
                # Half are repeats of one delivery, half announce the same call under ids of their own.
                webhook_id = f"msg-{call_id}" if number % 40 < 20 else f"msg-{call_id}-{number}"
                nursery.start_soon(deliver, call_id, webhook_id)
        taken = [*a.ledger.held, *b.ledger.held, *c.ledger.held]
        adopted = [item for node in (a, b, c) for item in news_of(node) if isinstance(item, Adopted)]
        found = [orphan.incoming.call_id for item in adopted for orphan in item.orphans]
        assert sorted(taken) == sorted(won + found) == sorted({f"call-{number}" for number in range(20)})


async def test_a_claim_whose_answer_was_lost_is_made_again_by_the_next_delivery(house: House) -> None:
    with house.parts() as parts:
        await parts.keeper.open()
        with house.held_up(), trio.move_on_after(0.1) as impatience:
            await parts.ledger.claim(incoming("call-1"), "support")
        assert impatience.cancelled_caught
        await until(lambda: len(house.rows(calls)) == 1)  # the thread nobody waits for has written it all the same
        assert not await parts.ledger.ours("call-1")
        assert await parts.ledger.claim(incoming("call-1"), "support")
        assert await parts.ledger.ours("call-1")
        assert not await parts.ledger.claim(incoming("call-1"), "support")


async def test_a_claim_whose_answer_was_lost_and_that_nobody_repeats_is_found(house: House) -> None:
    """Others answer 200 to its repeats, so it must be served: it comes back as news."""
    with house.parts() as parts, house.parts("b") as other:
        await parts.keeper.open()
        await other.keeper.open()
        with house.held_up(), trio.move_on_after(0.1):
            await parts.ledger.claim(incoming("call-1"), "support")
        await until(lambda: len(house.rows(calls)) == 1)
        assert not await other.ledger.claim(incoming("call-1"), "support")
        for _ in range(3):
            await other.keeper._beat()
            await parts.keeper._beat()
        assert news_of(other) == []
        (news,) = news_of(parts)  # once
        assert isinstance(news, Adopted)
        (orphan,) = news.orphans
        assert (orphan.incoming.call_id, orphan.joined, orphan.effects) == ("call-1", False, ())
        assert orphan.age < 5
        assert await parts.ledger.ours("call-1")
        assert not await parts.ledger.claim(incoming("call-1"), "support")
        assert await parts.ledger.settle("call-1", receipt(), {})


async def test_a_call_that_ends_while_the_heart_beats_is_nobodys_orphan(house: House) -> None:
    async with house.ledger() as opened:
        for number in range(60):
            call_id = f"call-{number}"
            assert await opened.ledger.claim(incoming(call_id), "support")
            opened.keeper.wake()
            assert await opened.ledger.settle(call_id, receipt(), {})
        await trio.sleep(0.2)
        assert news_of(opened) == []
        assert not opened.ledger.held


async def test_a_tool_is_begun_once(house: House) -> None:
    async with house.ledger() as opened:
        ledger = opened.ledger
        await ledger.claim(incoming("call-1"), "support")
        assert await ledger.begin_effect("call-1", USE) is None
        assert await ledger.begin_effect("call-1", USE) == Effect(use=USE)
        await ledger.end_effect("call-1", "use-1", '{"state":"sent"}')
        assert await ledger.begin_effect("call-1", USE) == Effect(use=USE, output='{"state":"sent"}')
        await ledger.end_effect("call-1", "use-1", "another")  # the first output stands
        await ledger.told("call-1", "use-1")
        assert await ledger.begin_effect("call-1", OTHER) is None
        known = await ledger.effects("call-1")
        assert [effect.use.id for effect in known] == ["use-1", "use-2"]
    assert [(row["output"], row["told"]) for row in house.rows(effects.select().order_by(effects.c.id))] == [
        ('{"state":"sent"}', True),
        (None, False),
    ]


async def test_of_many_at_once_one_begins_a_tool(house: House) -> None:
    begun: list[Effect | None] = []
    async with house.ledger() as opened:
        await opened.ledger.claim(incoming("call-1"), "support")

        async def begin() -> None:
            begun.append(await opened.ledger.begin_effect("call-1", USE))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(begin)
    assert begun.count(None) == 1


async def test_tools_of_a_call_that_is_taken_over_are_known(house: House) -> None:
    with house.parts("dead") as dead:
        await dead.keeper.open()
        await dead.ledger.claim(incoming("call-1"), "support")
        await dead.ledger.joined("call-1")
        await dead.ledger.begin_effect("call-1", USE)
        await dead.ledger.end_effect("call-1", "use-1", "done")
        await dead.ledger.told("call-1", "use-1")
        await dead.ledger.begin_effect("call-1", OTHER)
        await dead.ledger.owe(Debt(call_id="call-1", reasons=("SIGTERM",), joined=True, received_at=0.0, events={}))
    async with house.ledger("dead") as opened:  # in the same place, after a crash
        (orphan,) = opened.orphans
        assert orphan.effects == (Effect(use=USE, output="done", told=True), Effect(use=OTHER))
        assert (orphan.joined, orphan.owed_for, orphan.agent) == (True, ("SIGTERM",), "support")
        assert await opened.ledger.begin_effect("call-1", OTHER) == Effect(use=OTHER)
        assert await opened.ledger.effects("call-1") == orphan.effects


def relieve(house: House, epoch: str) -> None:
    """Somebody finds a node silent."""
    relieved = update(table).where(table.c.epoch == epoch).values(relieved_at=DbNow())
    assert house.run(lambda connection: connection.execute(relieved)).rowcount == 1


async def test_whoever_was_relieved_changes_nothing_and_is_told_so(house: House) -> None:
    with house.parts("frozen") as frozen:
        await frozen.keeper.open()
        for call_id in ("call-1", "call-2"):
            assert await frozen.ledger.claim(incoming(call_id), "support")
        await frozen.ledger.begin_effect("call-1", OTHER)
        relieve(house, frozen.lease.epoch)
        async with house.ledger("survivor") as survivor:
            assert {orphan.incoming.call_id for orphan in survivor.orphans} == {"call-1", "call-2"}
            assert {orphan.former for orphan in survivor.orphans} == {frozen.lease.epoch}
            before = house.rows(calls)
            debt = Debt(call_id="call-1", reasons=("SIGTERM",), joined=True, received_at=0.0, events={})
            await frozen.ledger.joined("call-1")
            await frozen.ledger.owe(debt)
            assert not await frozen.ledger.settle("call-1", receipt("lost"), {})
            assert await frozen.ledger.begin_effect("call-2", USE) == Effect(use=USE)  # that is: don't
            assert house.rows(calls) == before
            assert await survivor.ledger.begin_effect("call-2", USE) is None
            # What it did before is true, whoever has the call.
            await frozen.ledger.end_effect("call-1", "use-2", "done")
            assert house.one(effects, use_id="use-2")["output"] == "done"
            assert await survivor.ledger.settle("call-1", receipt("caller_left"), {})


async def test_whoever_was_relieved_finds_out_and_begins_anew(house: House) -> None:
    with house.parts("frozen") as frozen, house.parts("survivor") as survivor:
        await frozen.keeper.open()
        former = frozen.lease.epoch
        assert await frozen.ledger.claim(incoming("call-1"), "support")
        relieve(house, former)
        await survivor.keeper.open()
        assert await survivor.ledger.ours("call-1")
        await frozen.keeper._beat()
        assert news_of(frozen) == [Relieved(("call-1",))]
        assert not await frozen.ledger.ours("call-1")
        assert not await frozen.ledger.settle("call-1", receipt(), {})
        assert frozen.lease.epoch != former
        assert await frozen.ledger.claim(incoming("call-2"), "support")
        assert house.one(calls, call_id="call-2")["epoch"] == frozen.lease.epoch
        assert house.one(calls, call_id="call-1")["outcome"] is None


async def test_whoever_doubts_asks_before_it_claims(house: House) -> None:
    """Its lease has run out, so what it claims might be claimed for somebody who was relieved."""
    async with house.ledger("a", lease=60.0) as a:
        former = a.keeper._lease.epoch
        a.keeper._lease.until = 0.0
        relieve(house, former)
        assert await a.ledger.claim(incoming("call-1"), "support")
        assert house.one(calls)["epoch"] == a.keeper._lease.epoch != former


async def test_a_claim_that_came_too_late_is_somebody_elses(house: House) -> None:
    """It was written for an epoch that had been relieved meanwhile: whoever adopts it has it."""
    with house.parts("slow", lease=0.3) as slow, house.parts("other") as other:
        await slow.keeper.open()
        await other.keeper.open()
        answers: list[bool] = []

        async def claim() -> None:
            answers.append(await slow.ledger.claim(incoming("call-1"), "support"))

        async with trio.open_nursery() as nursery:
            with house.held_up():
                nursery.start_soon(claim)
                await trio.sleep(0.4)  # longer than its lease
            nursery.start_soon(slow.keeper.beat)
            relieve(house, slow.lease.epoch)
            await until(lambda: bool(answers))
            nursery.cancel_scope.cancel()
        (won,) = answers
        held = [parts for parts in (slow, other) if "call-1" in parts.ledger.held]
        adopted = [parts for parts in (slow, other) if any(isinstance(item, Adopted) for item in news_of(parts))]
        assert len(held) <= 1
        assert won == (held == [slow] and adopted == [])


async def test_ours_asks_when_the_lease_may_have_run_out(house: House, nursery: trio.Nursery) -> None:
    with house.parts("a", lease=60.0) as a, house.parts("b") as b:
        await a.keeper.open()
        await a.ledger.claim(incoming("call-1"), "support")
        relieve(house, a.lease.epoch)
        await b.keeper.open()
        assert await a.ledger.ours("call-1")  # it can't be known before the lease runs out
        nursery.start_soon(a.keeper.beat)
        a.lease.until = 0.0
        assert not await a.ledger.ours("call-1")
        nursery.cancel_scope.cancel()


async def test_a_claim_of_an_epoch_that_is_over_is_nobodys_by_itself(house: House, nursery: trio.Nursery) -> None:
    """We were relieved, and knew, before the answer came: what was written belongs to whoever adopts it."""
    with house.parts(lease=60.0) as parts:
        await parts.keeper.open()
        answers: list[bool] = []

        async def claim() -> None:
            answers.append(await parts.ledger.claim(incoming("call-1"), "support"))

        with house.held_up():
            nursery.start_soon(claim)
            await trio.sleep(0.05)
            parts.lease.begin()
        await until(lambda: bool(answers))
        assert answers == [False]
        assert "call-1" not in parts.ledger.held


async def test_a_doubtful_claim_that_is_given_up_is_found_by_the_next_heartbeat(house: House) -> None:
    with house.parts(lease=60.0) as parts:
        await parts.keeper.open()
        async with trio.open_nursery() as nursery:
            with house.held_up():
                nursery.start_soon(parts.ledger.claim, incoming("call-1"), "support")
                await trio.sleep(0.05)
                parts.lease.until = 0.0
            await until(lambda: "call-1" in parts.ledger.held)  # now it waits for a heartbeat, and there is none
            nursery.cancel_scope.cancel()
        assert "call-1" not in parts.ledger.held
        await parts.keeper._beat()
        (news,) = news_of(parts)
        assert isinstance(news, Adopted)
        assert await parts.ledger.ours("call-1")


async def test_tools_of_a_call_that_is_not_ours_are_looked_up(house: House) -> None:
    with house.parts("a") as a, house.parts("b") as b:
        await a.keeper.open()
        await b.keeper.open()
        await a.ledger.claim(incoming("call-1"), "support")
        await a.ledger.begin_effect("call-1", USE)
        assert await b.ledger.effects("call-1") == (Effect(use=USE),)
        assert await b.ledger.effects("call-2") == ()
        b.health.fail(LedgerUnavailable("down"))
        assert await b.ledger.effects("call-1") == ()


async def test_ours_renews_the_lease(house: House) -> None:
    async with house.ledger(lease=60.0) as opened:
        await opened.ledger.claim(incoming("call-1"), "support")
        opened.keeper._lease.until = 0.0
        assert await opened.ledger.ours("call-1")
        assert opened.keeper._lease.fresh  # nobody can take the call now


async def test_a_live_claim_for_an_unknown_epoch_is_registered(house: House) -> None:
    """The database was replaced by one that has never heard of us: we are alive all the same."""
    async with house.ledger("a") as a:
        await a.ledger.claim(incoming("call-1"), "support")
        await a.ledger.joined("call-1")
        await a.ledger.begin_effect("call-1", USE)
        await a.ledger.end_effect("call-1", "use-1", "done")
        epoch = a.keeper._lease.epoch
        for table in ("epochs", "calls", "effects"):
            house.execute(f"DELETE FROM {table}")
        await until(lambda: len(house.rows(effects)) == 1)
        assert news_of(a) == []
        assert house.run(lambda connection: epochs.renew(connection, epoch, 1.0)) is Renewal.RENEWED
        assert house.one(calls)["joined_at"] is not None
        assert house.one(effects)["output"] == "done"
        assert await a.ledger.settle("call-1", receipt(), {})


async def test_a_receipt_for_an_empty_ledger_brings_its_claim(house: House) -> None:
    with house.parts() as parts:
        await parts.keeper.open()
        await parts.ledger.claim(incoming("call-1"), "support")
        house.execute("DELETE FROM calls")
        assert await parts.ledger.settle("call-1", receipt(seconds=30.0), {})
        row = house.one(calls)
        assert row["outcome"] == "caller_left"
        assert row["ended_at"] - row["claimed_at"] == pytest.approx(30, abs=2)


async def test_refused_while_down(house: House) -> None:
    with house.parts(on_failure="refuse") as parts:
        await parts.keeper.open()
        assert await parts.ledger.claim(incoming("call-1"), "support")
        parts.health.fail(LedgerUnavailable("the disk is full: make room"))
        assert not parts.ledger.claims
        with pytest.raises(LedgerUnavailable, match="the disk is full: make room"):
            await parts.ledger.claim(incoming("call-2"), "support")
        assert not await parts.ledger.claim(incoming("call-1"), "support")  # known here, so answered
        assert await parts.ledger.ours("call-1")


async def test_answered_while_down_and_written_later(house: House) -> None:
    with house.parts(on_failure="degrade") as parts:
        ledger = parts.ledger
        await parts.keeper.open()
        parts.health.fail(LedgerUnavailable("the disk is full: make room"))
        assert ledger.claims
        assert await ledger.claim(incoming("call-1"), "support")
        assert not await ledger.claim(incoming("call-1", "another"), "support")
        assert not await ledger.claim(incoming("another", "msg-call-1"), "support")
        await ledger.joined("call-1")
        assert await ledger.begin_effect("call-1", USE) is None
        assert await ledger.begin_effect("call-1", USE) == Effect(use=USE)
        await ledger.end_effect("call-1", "use-1", "done")
        await ledger.told("call-1", "use-1")
        await trio.sleep(0.3)
        assert await ledger.settle("call-1", receipt(seconds=0.3), {})
        assert not await ledger.claim(incoming("call-1"), "support")
        assert house.rows(calls) == []
        await trio.sleep(0.3)
        await parts.keeper.open()
        assert parts.health.up
        row = house.one(calls)
        assert row["outcome"] == "caller_left"
        assert row["joined_at"] is not None
        # Times are those of what happened, and not of when it was written.
        assert row["ended_at"] - row["claimed_at"] == pytest.approx(0.3, abs=0.2)
        assert house.one(effects)["output"] == "done"
        assert {each["event"] for each in house.rows(deliveries)} == {"call.claimed", "call.ended"}
        assert not ledger.held


async def test_a_claim_that_is_cancelled_while_down_is_nobodys(house: House) -> None:
    with house.parts(on_failure="degrade") as parts:
        await parts.keeper.open()
        parts.health.fail(LedgerUnavailable("down"))
        with trio.CancelScope() as scope:
            scope.cancel(reason="the test")
            await parts.ledger.claim(incoming("call-1"), "support")
        assert "call-1" not in parts.ledger.held
        assert await parts.ledger.claim(incoming("call-2"), "support")
        await parts.keeper.open()
        assert [row["call_id"] for row in house.rows(calls)] == ["call-2"]


async def test_calls_that_come_while_the_heart_beats_stay_ours(house: House) -> None:
    """A heartbeat looks twice, and a claim may be written in between."""
    with house.parts(lease=60.0) as parts:
        await parts.keeper.open()

        async def beat() -> None:
            while True:
                await parts.keeper._beat()

        async with trio.open_nursery() as beating:
            beating.start_soon(beat)
            async with trio.open_nursery() as coming:
                for number in range(150):
                    coming.start_soon(parts.ledger.claim, incoming(f"call-{number}"), "support")
            beating.cancel_scope.cancel()
        assert len(parts.ledger.held) == 150
        await parts.keeper._beat()
        assert news_of(parts) == []
        assert len(parts.ledger.held) == 150


def _note(begun: list[str], name: str, _connection: Connection) -> None:
    begun.append(name)


async def test_what_is_promised_is_synced_and_what_is_told_is_not(house: House) -> None:
    begun: list[str] = []
    with house.parts() as parts:
        for name, engine in (("durable", parts.engines.durable), ("lazy", parts.engines.lazy)):
            event.listen(engine, "begin", partial(_note, begun, name))
        await parts.keeper.open()
        promises: list[Callable[[], Awaitable[object]]] = [
            lambda: parts.ledger.claim(incoming("call-1"), "support"),
            lambda: parts.ledger.joined("call-1"),
            lambda: parts.ledger.begin_effect("call-1", USE),
            lambda: parts.ledger.end_effect("call-1", "use-1", "done"),
            lambda: parts.ledger.told("call-1", "use-1"),
            lambda: parts.ledger.settle("call-1", receipt(), {}),
        ]
        for promise in promises:
            begun.clear()
            await promise()
            assert begun == ["durable"]
        parts.journal.watch(Record(at=1.0, call_id="call-1", entry=journal.CheckedIn()))
        begun.clear()
        await parts.journal.flush()
        assert begun == ["lazy"]


# Giving up calls, for the next daemon to go on with


async def test_a_call_that_is_given_up_is_adopted_at_the_next_look_and_not_by_ourselves(house: House) -> None:
    async with house.ledger("old", lease=60.0) as old:
        await old.ledger.claim(incoming("call-1"), "support")
        await old.ledger.claim(incoming("call-2"), "support")
        await old.ledger.begin_effect("call-1", USE)
        await old.ledger.release("call-1", joined=True)
        assert not await old.ledger.ours("call-1")
        await old.keeper.turn()
        await old.keeper.turn()
        assert news_of(old) == []
        async with house.ledger("new") as new:
            (orphan,) = new.orphans
            assert (orphan.incoming.call_id, orphan.agent, orphan.joined) == ("call-1", "support", True)
            mine = house.one(calls, call_id="call-2")["epoch"]
            assert (orphan.former, orphan.released) == (f"released by {mine}", True)
            assert [effect.use for effect in orphan.effects] == [USE]
            assert await new.ledger.settle("call-1", receipt(), {})
            assert not await old.ledger.settle("call-1", receipt("lost"), {})
    assert house.one(calls, call_id="call-1")["outcome"] == "caller_left"
    assert house.one(calls, call_id="call-2")["outcome"] is None


async def test_whether_it_was_joined_is_not_lost_with_the_note_of_it(house: House) -> None:
    async with house.ledger("old", lease=60.0) as old:
        for number in (1, 2, 3):
            await old.ledger.claim(incoming(f"call-{number}"), "support")
        await old.ledger.joined("call-1")
        first = house.one(calls, call_id="call-1")["joined_at"]
        for number, joined in ((1, True), (2, True), (3, False)):
            await old.ledger.release(f"call-{number}", joined=joined)
    assert house.one(calls, call_id="call-1")["joined_at"] == first
    assert house.one(calls, call_id="call-2")["joined_at"] is not None
    assert house.one(calls, call_id="call-3")["joined_at"] is None


async def test_what_is_over_or_another_nodes_cannot_be_given_up(house: House) -> None:
    async with house.ledger("old") as old:
        await old.ledger.claim(incoming("call-1"), "support")
        await old.ledger.settle("call-1", receipt(), {})
        mine = house.one(calls)["epoch"]
        await old.ledger.release("call-1", joined=True)
        await old.ledger.release("call-unknown", joined=True)
    row = house.one(calls)
    assert (row["outcome"], row["epoch"]) == ("caller_left", mine)


async def test_a_call_that_could_not_be_given_up_is_adopted_once_we_are_gone(house: House) -> None:
    async with house.ledger("old", lease=60.0) as old:
        await old.ledger.claim(incoming("call-1"), "support")
        mine = house.one(calls)["epoch"]
        old.health.fail(LedgerUnavailable("away"))
        await old.ledger.release("call-1", joined=True)
        assert house.one(calls)["epoch"] == mine
        await until(lambda: old.health.up)
        await old.keeper.turn()
        await old.keeper.turn()
        assert news_of(old) == []  # it is not ours to go on with, whosever it is
    async with house.ledger("new") as new:
        assert [orphan.incoming.call_id for orphan in new.orphans] == ["call-1"]


async def test_who_gives_up_calls_adopts_nobody_elses(house: House) -> None:
    async with house.ledger("old", lease=60.0) as old:
        await old.ledger.claim(incoming("call-1"), "support")
        await old.ledger.release("call-1", joined=True)
        async with house.ledger("dying") as dying:
            await dying.ledger.claim(incoming("call-2"), "support")
        await old.keeper.turn()
        assert news_of(old) == []


async def test_who_is_about_to_end_adopts_nobody_elses(house: House) -> None:
    # It could only hang them up, and somebody else goes on with them.
    async with house.ledger("ending", lease=60.0) as ending, house.ledger("other", lease=60.0) as other:
        ending.ledger.retire()
        async with house.ledger("dying") as dying:
            await dying.ledger.claim(incoming("call-1"), "support")
        await ending.keeper.turn()
        assert news_of(ending) == []
        other.keeper.wake()
        await other.keeper.turn()
        ((orphan,),) = [news.orphans for news in news_of(other) if isinstance(news, Adopted)]
        assert orphan.incoming.call_id == "call-1"
