import pytest
import trio
import trio.testing
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPRequestEvent, HTTPScope, Scope
from hypercorn.typing import ConnectionState as State

from daemon.web.applications import Applications, BodyTooLarge, Inbox
from daemon.web.quiet import Quiet

SCOPE: HTTPScope = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "client": None,
    "server": None,
    "state": State({}),
    "extensions": {},
}


def applications(nursery: trio.Nursery) -> Applications:
    return Applications(nursery, name="test", max_body=10, send_timeout=5, quiet=Quiet())


async def cancels_itself(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Behave as quart-trio does: once the disconnect is heard of, nothing else matters."""

    async def listen(nursery: trio.Nursery) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        nursery.cancel_scope.cancel(reason="disconnected")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen, nursery, name="listen")
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        await trio.sleep_forever()


async def test_a_send_that_causes_the_disconnect_is_completed(autojump_clock: trio.testing.MockClock) -> None:
    completed: list[ASGISendEvent | None] = []

    async def send(event: ASGISendEvent | None) -> None:
        await put({"type": "http.disconnect"})
        await trio.sleep(1)  # the rest of a clean-up
        completed.append(event)

    async with trio.open_nursery() as nursery:
        put = await applications(nursery).spawn_app(ASGIWrapper(cancels_itself), Config(), SCOPE, send)
    assert len(completed) == 1  # and what is sent after the disconnect goes nowhere


async def test_but_not_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    async def send(event: ASGISendEvent | None) -> None:
        await put({"type": "http.disconnect"})
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        put = await applications(nursery).spawn_app(ASGIWrapper(cancels_itself), Config(), SCOPE, send)
    assert trio.current_time() == 10


async def test_the_disconnect_is_never_lost_and_never_waits(autojump_clock: trio.testing.MockClock) -> None:
    inbox = Inbox(size=1, max_body=10)
    await inbox.put({"type": "http.request", "body": b"a", "more_body": True})
    async with trio.open_nursery() as nursery:
        more: HTTPRequestEvent = {"type": "http.request", "body": b"b", "more_body": True}
        nursery.start_soon(inbox.put, more, name="put")
        await trio.testing.wait_all_tasks_blocked()
        await inbox.put({"type": "http.disconnect"})
    assert inbox.closed
    assert [(await inbox.receive())["type"] for _ in range(3)] == ["http.request"] + 2 * ["http.disconnect"]


async def test_no_more_of_a_body_is_held_than_was_agreed() -> None:
    inbox = Inbox(size=10, max_body=3)
    await inbox.put({"type": "http.request", "body": b"abc", "more_body": True})
    with pytest.raises(BodyTooLarge):
        await inbox.put({"type": "http.request", "body": b"d", "more_body": True})


async def test_the_protocols_own_tasks_run_in_the_connections_nursery() -> None:
    done = trio.Event()

    async def ping() -> None:
        await trio.lowlevel.checkpoint()
        done.set()

    async with trio.open_nursery() as nursery, applications(nursery) as tasks:
        tasks.spawn(ping)
        await done.wait()
