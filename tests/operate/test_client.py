"""The command line's client against the real API; it blocks, so it lives in a thread."""

from pathlib import Path

import msgspec
import pytest
import trio

from daemon.core import journal
from daemon.core.snapshots import Action, Status
from daemon.errors import NotNow, NotReachable
from daemon.operate.client import Client, Refused, knock, reach
from daemon.operate.endpoints import HangUp
from daemon.web.listen import open_listeners
from tests.operate.fakes import call_view, served


async def test_looking_and_asking(tmp_path: Path) -> None:
    def talk() -> tuple[Status, Action]:
        with reach([tmp_path / "nowhere", tmp_path / "control.sock"]) as client:
            status = client.get("/v1/status", Status)
            return status, client.post("/v1/calls/call-1/hangup", Action, HangUp(reason="closing"))

    async with served(tmp_path, [call_view()]) as api:
        status, action = await trio.to_thread.run_sync(talk)
        assert (status.calls, action.says) == (1, "done")
        assert api.desk.asked[0][:3] == ("hang_up", "call-1", "closing")


async def test_being_refused(tmp_path: Path) -> None:
    def talk() -> None:
        with Client(tmp_path / "control.sock") as client:
            client.post("/v1/pause", Action)

    async with served(tmp_path) as api:
        api.desk.error = NotNow("too late")
        with pytest.raises(Refused, match="too late") as caught:
            await trio.to_thread.run_sync(talk)
        assert caught.value.problem.status == 409


async def test_following(tmp_path: Path) -> None:
    def follow() -> list[journal.Record | int]:
        with Client(tmp_path / "control.sock") as client:
            return [*client.events("c", replay=True)]

    async with served(tmp_path) as api:
        record = journal.Record(at=1.0, call_id="c", entry=journal.Claimed(agent="support"))
        for _ in range(5000):
            api.ring.watch(record)
        api.ring.watch(msgspec.structs.replace(record, call_id="another"))
        api.ring.close()
        found = await trio.to_thread.run_sync(follow)
        assert found == [record] * 4095


async def test_following_from_a_place_that_is_gone(tmp_path: Path) -> None:
    def follow() -> journal.Record | int:
        with Client(tmp_path / "control.sock") as client:
            return next(iter(client.events(replay=True)))

    async with served(tmp_path) as api:
        record = journal.Record(at=1.0, call_id="c", entry=journal.Claimed(agent="support"))
        for _ in range(3):
            api.ring.watch(record)
        api.ring.close()
        assert await trio.to_thread.run_sync(follow) == record


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(
        NotReachable, match=r"no daemon answers on .*/a \(no such file or directory\); nor on .*/b \(no"
    ):
        reach([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(NotReachable, match="path too long"):
        knock(tmp_path / ("x" * 200))


async def test_somebody_who_does_not_speak_our_language(tmp_path: Path, nursery: trio.Nursery) -> None:
    answers = [b"", b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"]

    async def answer(stream: trio.SocketStream) -> None:
        if await stream.receive_some(4096):  # somebody who only knocks says nothing
            await stream.send_all(answers.pop())

    def look() -> None:
        with Client(tmp_path / "other.sock") as client:
            client.text("/v1/status")

    listeners = await open_listeners([f"unix:{tmp_path}/other.sock"])
    nursery.start_soon(trio.serve_listeners, answer, listeners)
    with pytest.raises(Refused, match="HTTP 500"):
        await trio.to_thread.run_sync(look)
    with pytest.raises(NotReachable, match="went away"):
        await trio.to_thread.run_sync(look)
    nursery.cancel_scope.cancel()
