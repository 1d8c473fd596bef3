"""The spool: what is owed to the ledger, in order, on a disk that may be full, and after a crash at any moment."""

import json
import os
from pathlib import Path

import msgspec
import pytest
import trio

from daemon.core.effects import ToolUse
from daemon.ledger.claims import Claim
from daemon.ledger.operations import Begun, Claimed, Ended, Operation, Settled, Told
from daemon.ledger.place import Place
from daemon.ledger.spool import ROOM, Spool, left_behind
from tests.configured import CALLED, CALLER
from tests.conftest import Logged
from tests.ledger.disk import small_disk
from tests.ledger.house import incoming, receipt

CLAIM = Claim(attempt="a", epoch="dead", incoming=incoming("call-1"), agent="support")
STORY: list[Operation] = [
    Claimed(claim=CLAIM, at=1.0),
    Begun(call_id="call-1", use=ToolUse(id="use-1", name="pay", arguments='{"card":"4111"}'), at=2.0),
    Ended(call_id="call-1", use_id="use-1", output='{"secret":"words"}', at=3.0),
    Told(call_id="call-1", use_id="use-1", at=4.0),
    Settled(call_id="call-1", epoch="dead", receipt=receipt(), events={}, claim=CLAIM, at=5.0),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def remains(place: Place, *ours: str) -> list[Operation]:
    found = left_behind(place, *ours)
    owed = [operation for each in found for operation in each.owed]
    for each in found:
        each.let_go()
    return owed


def file_of(place: Place, epoch: str = "dead") -> Path:
    return place.folder / f"spool-{epoch}.jsonl"


async def test_what_is_put_in_waits_in_order_and_survives_us(place: Place) -> None:
    spool = Spool(place, "dead")
    for operation in STORY:
        await spool.put(operation)
    assert list(spool.waiting) == STORY
    assert len(spool) == 5
    assert remains(place, "dead") == []  # it is ours
    assert remains(place) == STORY
    assert file_of(place).stat().st_mode & 0o777 == 0o600


async def test_what_was_carried_out_is_forgotten_once_all_of_it_was(place: Place) -> None:
    spool = Spool(place, "dead")
    await spool.clear()
    assert file_of(place).stat().st_size == ROOM
    for operation in STORY:
        await spool.put(operation)
    spool.done(STORY[:3])
    await spool.clear()
    await spool.remove()
    assert list(spool.waiting) == STORY[3:]
    assert remains(place) == STORY  # twice is once
    spool.done(STORY[3:])
    await spool.clear()
    assert remains(place) == []
    await spool.put(STORY[0])
    assert remains(place) == STORY[:1]
    spool.withdraw(STORY[0])
    spool.withdraw(STORY[0])
    await spool.remove()
    assert not file_of(place).exists()


async def test_one_that_was_withdrawn_meanwhile_is_not_counted(place: Place) -> None:
    spool = Spool(place, "dead")
    for operation in STORY:
        await spool.put(operation)
    some = tuple(spool.waiting)[:3]
    spool.withdraw(some[0])
    spool.done(some)
    assert list(spool.waiting) == STORY[3:]


async def test_many_at_once_keep_their_order_on_the_disk(place: Place) -> None:
    spool = Spool(place, "dead")
    many = [Told(call_id=f"call-{number}", use_id="u") for number in range(200)]
    async with trio.open_nursery() as nursery:
        for operation in many:
            nursery.start_soon(spool.put, operation)
            await trio.lowlevel.checkpoint()
    assert remains(place) == list(spool.waiting)
    assert len(spool) == 200


@pytest.mark.parametrize("room", [True, False])
async def test_a_crash_at_any_byte_leaves_what_was_acknowledged(place: Place, room: bool) -> None:
    spool = Spool(place, "dead")
    if room:
        await spool.clear()
    ends = [0]
    for operation in STORY:
        await spool.put(operation)
        ends.append(ends[-1] + len(msgspec.json.encode(operation)) + 1)
    whole = file_of(place).read_bytes()[: ends[-1] + 100]
    # Every few bytes, and every byte about the end of a line.
    cuts = {cut + around for end in ends for around in (-1, 0, 1) for cut in (end, *range(0, ends[-1], 11))}
    for cut in sorted(cut for cut in cuts if 0 <= cut <= ends[-1]):
        # What was not written yet is missing, or the zeros that were there before.
        file_of(place).write_bytes(whole[:cut] + (b"\0" * (len(whole) - cut) if room else b""))
        acknowledged = max(number for number, end in enumerate(ends) if end <= cut)
        assert remains(place)[:acknowledged] == STORY[:acknowledged]


async def test_a_torn_line_in_the_middle_loses_itself_only(place: Place, logged: Logged) -> None:
    """Blocks may reach the disk in any order; nobody was told of a line that was not synced."""
    spool = Spool(place, "dead")
    for operation in STORY:
        await spool.put(operation)
    content = file_of(place).read_bytes()
    begin = content.index(b'{"do":"ended"')
    file_of(place).write_bytes(content[:begin] + b"\0" * 20 + content[begin + 20 :])
    assert remains(place) == [operation for operation in STORY if not isinstance(operation, Ended)]
    assert logged()[-1]["event"] == "spool_line_unreadable"


async def test_a_full_disk_does_not_matter_while_there_is_room(tmp_path: Path, logged: Logged) -> None:
    with small_disk(tmp_path) as disk:
        place = Place(disk.folder)
        spool = Spool(place, "dead")
        await spool.clear()
        with disk.full():
            for operation in STORY * 20:
                await spool.put(operation)
        assert remains(place) == STORY * 20
        assert logged() == []


async def test_when_there_is_no_room_the_log_has_it_without_peoples_words(tmp_path: Path, logged: Logged) -> None:
    with small_disk(tmp_path) as disk:
        place = Place(disk.folder)
        spool = Spool(place, "dead")
        with disk.full():
            await spool.clear()
            for operation in STORY:
                await spool.put(operation)
        assert list(spool.waiting) == STORY
        lines = [line for line in logged() if line["event"] == "spooled_to_log"]
        assert [line["operation"]["do"] for line in lines] == [
            "claimed",
            "begun",
            "ended",
            "told",
            "settled",
        ]
        text = json.dumps(lines)
        for secret in ("4111", "words", CALLER, CALLED):
            assert secret not in text
        assert "No space left on device" in text
        # And when there is room again, the next ones are written.
        await spool.put(STORY[0])
        assert remains(place) == STORY[:1]


async def test_a_disk_that_fills_up_in_the_middle_of_a_line(tmp_path: Path) -> None:
    with small_disk(tmp_path, "128k") as disk:
        place = Place(disk.folder)
        spool = Spool(place, "dead")
        kept: list[Operation] = []
        for number in range(400):
            operation = Ended(call_id=f"call-{number}", use_id="u", output="x" * 3000)
            before = file_of(place).stat().st_size if number else 0
            await spool.put(operation)
            if file_of(place).stat().st_size > before and operation in remains(place):
                kept.append(operation)
        assert 10 < len(kept) < 50
        assert remains(place) == kept


async def test_more_than_there_is_room_for(place: Place) -> None:
    spool = Spool(place, "dead")
    await spool.clear()
    long = [Ended(call_id=f"call-{number}", use_id="u", output="x" * 100_000) for number in range(10)]
    for operation in long:
        await spool.put(operation)
    assert remains(place) == long
    assert file_of(place).stat().st_size > ROOM


async def test_a_file_that_somebody_removes_begins_anew(place: Place) -> None:
    spool = Spool(place, "dead")
    await spool.put(STORY[0])
    file_of(place).unlink()
    await spool.put(STORY[1])
    assert remains(place) == [STORY[1]]


async def test_what_the_living_owe_is_theirs(place: Place) -> None:
    for epoch in ("alive", "dead"):
        await Spool(place, epoch).put(Told(call_id=epoch, use_id="u"))
    lock = place.alive("alive")
    assert remains(place) == [Told(call_id="dead", use_id="u")]
    lock.let_go(ended=False)
    assert len(remains(place)) == 2


async def test_what_one_looks_after_is_not_given_to_another(place: Place) -> None:
    await Spool(place, "dead").put(STORY[0])
    (mine,) = left_behind(place)
    assert left_behind(place) == []
    mine.remove()
    mine.let_go()
    assert left_behind(place) == []
    assert list(place.folder.iterdir()) == []


async def test_the_oldest_comes_first(place: Place) -> None:
    for number, epoch in enumerate(("c", "a", "b")):
        await Spool(place, epoch).put(Told(call_id=epoch, use_id="u"))
        os.utime(file_of(place, epoch), (number, number))
    found = left_behind(place)
    assert [each.file.stem for each in found] == ["spool-c", "spool-a", "spool-b"]
    for each in found:
        each.let_go()


async def test_odd_text_goes_in_and_comes_out(place: Place) -> None:
    await Spool(place, "dead").put(Ended(call_id="call-1", use_id="u", output="nul \0 half \ud800 line\nnext"))
    (operation,) = remains(place)
    assert isinstance(operation, Ended)
    assert operation.output == "nul \ufffd half ? line\nnext"


async def test_nobody_is_told_before_it_is_on_the_disk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    spool = Spool(place, "dead")
    await spool.put(STORY[0])
    assert synced == [file_of(place), place.folder]  # a new file is lost without its folder
    synced.clear()
    await spool.put(STORY[1])
    assert synced == [file_of(place)]
