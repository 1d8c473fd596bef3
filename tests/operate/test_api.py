"""The control API over real sockets, with a desk that notes what is asked of it."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
import trio

from daemon.core import journal
from daemon.errors import ConfigError, LedgerUnavailable, NoSuchDestination, NotNow, Problem
from daemon.operate.endpoints import ENDPOINTS
from tests.conftest import Logged
from tests.live import eventually
from tests.operate.fakes import TOKEN, Served, call_view, served

ME = f"operator uid {os.getuid()}"


async def test_looking(tmp_path: Path) -> None:
    async with served(tmp_path, [call_view()]) as api:
        answer = await api.unix.get("/v1/calls")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.json()["calls"][0]["call_id"] == "call-1"
        assert (await api.unix.get("/v1/status")).json()["state"] == "ready"
        assert (await api.unix.get("/v1/calls/call-1")).json()["call"]["agent"] == "support"
        assert (await api.unix.get("/v1/tree")).json()["tasks"][0]["name"] == "child"
        assert (await api.unix.get("/metrics")).headers["Content-Type"].startswith("text/plain; version=")
        assert api.desk.asked == []


async def test_acting(tmp_path: Path) -> None:
    async with served(tmp_path, [call_view()]) as api:
        for path, body in (
            ("/v1/calls/call-1/hangup", {"reason": "the\u202eoffice\x07 closes\n"}),
            ("/v1/calls/call-1/hangup", None),
            ("/v1/calls/call-1/transfer", {"destination": "front_desk"}),
            ("/v1/pause", None),
            ("/v1/resume", None),
            ("/v1/drain", None),
            ("/v1/drain", {"now": True}),
            ("/v1/reload", None),
        ):
            assert (await api.unix.post(path, json=body) if body else await api.unix.post(path)).status_code == 200
    assert api.desk.asked == [
        ("hang_up", "call-1", "the office closes", ME),
        ("hang_up", "call-1", "", ME),
        ("transfer", "call-1", "front_desk", ME),
        ("pause", ME),
        ("resume", ME),
        ("drain", ME, False),
        ("drain", ME, True),
        ("reload", ME),
    ]


@pytest.mark.parametrize(
    ("path", "content", "kind", "status", "detail"),
    [
        ("hangup", b"{", "application/json", 400, "not JSON"),
        ("hangup", b"[" * 100_000, "application/json", 413, ""),
        ("hangup", b"[" * 60_000, "application/json", 422, "Expected `object`"),
        ("hangup", b'{"reason": ' + b"[" * 60_000, "application/json", 422, "Expected `str`"),
        ("hangup", b"\xff\xfe", "application/json", 400, "not JSON"),
        ("hangup", b"[]", "application/json", 422, "Expected `object`"),
        ("hangup", b'{"reason": 3}', "application/json", 422, "Expected `str`"),
        ("hangup", b'{"raeson": "x"}', "application/json", 422, "unknown field `raeson`"),
        ("hangup", b'{"reason": "%s"}' % (b"x" * 201), "application/json", 422, "length <= 200"),
        ("hangup", b"reason=x", "application/x-www-form-urlencoded", 415, "application/json"),
        ("hangup", b"{}", "text/plain", 415, "application/json"),
        ("transfer", b"", "application/json", 422, "a body is needed"),
        ("transfer", b'{"destination": ""}', "application/json", 422, "length >= 1"),
    ],
)
async def test_bodies_that_are_wrong(
    tmp_path: Path, path: str, content: bytes, kind: str, status: int, detail: str
) -> None:
    async with served(tmp_path, [call_view()]) as api:
        answer = await api.unix.post(f"/v1/calls/call-1/{path}", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert detail in problem.get("detail", "")
        assert api.desk.asked == []


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (NotNow("it is too late"), 409, "it is too late"),
        (NoSuchDestination("no destination x"), 404, "no destination x"),
        (ConfigError(Problem("config.toml: a", "wrong")), 422, "the configuration can't be used"),
        (LedgerUnavailable("a secret of ours"), 500, ""),
    ],
)
async def test_what_the_desk_refuses(tmp_path: Path, error: Exception, status: int, detail: str) -> None:
    async with served(tmp_path) as api:
        api.desk.error = error  # type: ignore[assignment]
        answer = await api.unix.post("/v1/reload")
        assert answer.status_code == status
        assert detail in answer.json().get("detail", "")
        assert "secret" not in answer.text


async def test_a_bug_of_ours_is_a_500_and_tells_nothing(tmp_path: Path, logged: Logged) -> None:
    async with served(tmp_path) as api:
        api.desk.error = ZeroDivisionError("a secret of ours")  # type: ignore[assignment]
        answer = await api.unix.post("/v1/pause")
        assert answer.status_code == 500
        assert answer.json() == {"title": "Internal Server Error", "status": 500}
        assert (await api.unix.get("/v1/status")).status_code == 200
    (line,) = [line for line in logged() if line["event"] == "request_failed"]
    assert "ZeroDivisionError" in line["kind"]


async def test_not_there_and_not_like_that(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        for method, path, status in (
            ("GET", "/v1/calls/nobody", 404),
            ("POST", "/v1/calls/nobody/hangup", 404),
            ("GET", "/v1/pause", 405),
            ("DELETE", "/v1/status", 405),
            ("OPTIONS", "/v1/status", 405),
            ("TRACE", "/v1/status", 405),
            ("GET", "/v1/calls/" + "x" * 129, 404),
            ("GET", "/", 404),
        ):
            answer = await api.unix.request(method, path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), path
        assert (await api.unix.get("/v1/pause")).headers["Allow"] == "POST"


async def test_over_tcp_the_token_decides(tmp_path: Path, logged: Logged) -> None:
    async with served(tmp_path) as api:
        for headers in (
            {},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": TOKEN},
        ):
            for path in ("/v1/status", "/metrics", "/openapi.json", "/v1/events", "/", "/nowhere"):
                answer = await api.tcp.get(path, headers=headers)
                assert answer.status_code == 401, (path, headers)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert TOKEN not in answer.text
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert (await api.tcp.get("/v1/status", headers=right)).status_code == 200
        assert (await api.tcp.post("/v1/pause", headers=right)).status_code == 200
        assert api.desk.asked == [("pause", "operator with token")]
    assert TOKEN not in str(logged())
    assert any(line["event"] == "operator_refused" for line in logged())


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "", "10.0.0.1:80"])
async def test_a_page_can_not_make_a_browser_here_speak_for_it(tmp_path: Path, host: str) -> None:
    async with served(tmp_path) as api:
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": host}
        assert (await api.tcp.get("/v1/status", headers=headers)).status_code in {400, 421}


@contextmanager
def somebody(group: int) -> Iterator[None]:
    """Be nobody in particular, in a group, while the block lasts. Nothing may wait in it: the whole process is."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(group)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, so that it is the socket itself that keeps them out."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try as somebody else")
async def test_who_may_open_the_socket(open_folder: Path) -> None:
    async with served(open_folder) as api:
        assert api.socket.stat().st_mode & 0o7777 == 0o660
        with socket.socket(socket.AF_UNIX) as door, somebody(group=65534), pytest.raises(PermissionError):
            door.connect(str(api.socket))
        with socket.socket(socket.AF_UNIX) as door, somebody(group=0):
            door.connect(str(api.socket))


HOSTILE = ["<script>alert(1)</script>", "\u202egnp.exe", "a\r\nX-Injected: 1", "x" * 10_000, "\x1b[2J", '"}]}']


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_callers_make_up_stays_text(tmp_path: Path, text: str) -> None:
    async with served(tmp_path, [call_view(caller=text, text=text)]) as api:
        answer = await api.unix.get("/v1/calls")
        assert answer.headers["Content-Type"] == "application/json"
        assert "X-Injected" not in answer.headers
        (call,) = answer.json()["calls"]
        assert (call["caller"], call["last_words"]["text"]) == (text, text)


async def test_events(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        for number in range(3):
            entry = journal.Said(item_id="i", speaker="caller", text=f"words {number}\n\ndata: forged", final=True)
            api.ring.watch(journal.Record(at=float(number), call_id=f"call-{number % 2}", entry=entry))
        all_of_it = (await api.unix.get("/v1/events?wait=false&replay=true")).text
        events = [block.splitlines() for block in all_of_it.split("\n\n") if block.startswith("id")]
        assert len(events) == 3
        assert events[0][1] == "event: Said"
        assert json.loads(events[0][2].removeprefix("data: "))["entry"]["text"] == "words 0\n\ndata: forged"
        last = events[0][0].removeprefix("id: ")
        rest = (await api.unix.get("/v1/events?wait=false", headers={"Last-Event-ID": last})).text
        assert (rest.count("event: Said"), "words 0" in rest) == (2, False)
        one = (await api.unix.get("/v1/events?wait=false&replay=true&call=call-1")).text
        assert one.count("event: Said") == 1
        assert (await api.unix.get("/v1/events?wait=false")).text == "retry: 2000\n\n"


async def test_events_as_they_happen(tmp_path: Path) -> None:
    async with served(tmp_path) as api, api.unix.stream("GET", "/v1/events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        await trio.testing.wait_all_tasks_blocked(0.01)
        api.ring.watch(journal.Record(at=1.0, call_id="c", entry=journal.Claimed(agent="support")))
        with trio.fail_after(2):
            found = [await anext(lines) for _ in range(4)]
        assert found[2] == "event: Claimed"
        assert api.ring.followers == 1
        api.ring.close()
        with trio.fail_after(2):
            assert [line async for line in lines][-1:] == [""]


async def test_followers_that_go_are_forgotten(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        for _ in range(5):
            async with await trio.open_unix_socket(api.socket) as stream:
                await stream.send_all(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 200")
        await eventually(lambda: not api.ring.followers)
        assert api.server.connections <= 1


async def answers(api: Served, document: dict[str, Any]) -> dict[str, httpx.Response]:
    """One right request to each endpoint."""
    found = {}
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{call_id}", "call-1")
        body = {"destination": "front_desk"} if endpoint.required else None
        found[endpoint.path] = await api.unix.request(endpoint.method, path, json=body)
    return found


async def test_the_description_is_true(tmp_path: Path) -> None:
    async with served(tmp_path, [call_view()]) as api:
        document: dict[str, Any] = (await api.unix.get("/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        assert set(document["paths"]) == {endpoint.path for endpoint in ENDPOINTS} | {
            "/v1/events",
            "/metrics",
            "/openapi.json",
        }
        for path, answer in (await answers(api, document)).items():
            operation = document["paths"][path]["get" if answer.request.method == "GET" else "post"]
            schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
            jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
        names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
        assert len(names) == len(set(names))


async def test_a_hang_up_that_takes_long_keeps_nobody_else(tmp_path: Path) -> None:
    async with served(tmp_path, [call_view()]) as api, trio.open_nursery() as nursery:
        api.desk.stuck = True
        nursery.start_soon(api.unix.post, "/v1/calls/call-1/hangup")
        await trio.sleep(0.05)
        with trio.fail_after(1):
            assert (await api.unix.get("/v1/status")).status_code == 200
        nursery.cancel_scope.cancel()


def test_records_can_be_read_back() -> None:
    # What a client reads is what the server wrote: the names are the interface.
    view = call_view()
    assert msgspec.json.decode(msgspec.json.encode(view), type=type(view)) == view
