"""The console over real sockets: who may see what, what every answer carries, and that text stays text."""

from pathlib import Path

import pytest
import trio

from daemon.console.app import HEADERS
from daemon.core import journal
from daemon.core.snapshots import Words
from tests.console.served import Console, served_console
from tests.live import eventually
from tests.operate.fakes import TOKEN, call_view

PAGES = ["/", "/history", "/charts", "/node", "/tree", "/calls/call-1", "/calls/call-1/hangup", "/node/drain"]


async def test_every_page_is_there_for_those_who_may_and_for_nobody_else(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        for page in PAGES:
            answer = await console.unix.get(page)
            assert answer.status_code == 200, page
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            for name, value in HEADERS.items():
                assert answer.headers[name] == value
            assert "<script>" not in answer.text
            assert "style=" not in answer.text
            # Over TCP, whoever has not shown the token is sent to where that is done, and sees nothing.
            refused = await console.tcp.get(page)
            assert (refused.status_code, refused.headers["Location"], refused.text) == (303, "/login", "")
            assert (await console.tcp.get(page, params={"part": "pulse"})).status_code == 401
        assert (await console.tcp.get("/events")).status_code == 401
        assert (await console.log_in()).status_code == 303
        for page in PAGES:
            assert (await console.tcp.get(page)).status_code == 200
    assert console.desk.asked == []


async def test_the_policy_lets_nothing_in() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "*" not in policy


async def test_its_own_files_are_open_and_nothing_else_is(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        for name, kind in (("console.js", "text/javascript"), ("console.css", "text/css"), ("icon.svg", "image/svg")):
            answer = await console.tcp.get(f"/static/{name}")
            assert answer.status_code == 200
            assert answer.headers["Content-Type"].startswith(kind)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for path in ("/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/../app.py", "/static/app.py", "/static/"):
            assert (await console.unix.get(path)).status_code == 404
        for path in ("/nowhere", "/calls/", "/calls/a%2fb", "/calls/" + "x" * 129, "/calls/nobody"):
            answer = await console.unix.get(path)
            assert (answer.status_code, "Nothing here" in answer.text) == (404, True), path
        assert (await console.unix.put("/node")).status_code == 405
        # And the API is where it was.
        assert (await console.unix.get("/v1/status")).json()["state"] == "ready"
        assert (await console.tcp.get("/v1/status")).status_code == 401
        assert (await console.tcp.get("/metrics")).status_code == 401


async def test_a_session_opens_the_console_only(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        await console.log_in()
        assert (await console.tcp.get("/")).status_code == 200
        assert (await console.tcp.post("/v1/pause")).status_code == 401
        assert (await console.tcp.get("/v1/status")).status_code == 401
        assert console.desk.asked == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "10.0.0.1:80"])
async def test_other_names_of_this_machine(tmp_path: Path, host: str) -> None:
    async with served_console(tmp_path) as console:
        for client in (console.tcp, console.unix):
            assert (await client.get("/", headers={"Host": host})).status_code == 421


async def test_pages_of_other_sites(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            answer = await console.act(console.unix, "/node/pause")
            assert answer.status_code == 303
            question = await console.unix.get("/node/pause")
            proof = question.text.split('name="proof" value="')[1][:64]
            answer = await console.unix.post("/node/pause", data={"proof": proof}, headers=headers)
            assert answer.status_code == 403, headers
            assert (await console.unix.get("/events", headers=headers)).status_code == 403
            # The API takes no orders from them either: through a tunnel, the socket would know them as its user.
            assert (await console.unix.post("/v1/pause", headers=headers)).status_code == 403
        # A link on another page may lead here.
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert (await console.unix.get("/", headers=link)).status_code == 200
        assert (await console.unix.post("/node/pause", headers=link)).status_code == 403
        assert len(console.desk.asked) == 4


HOSTILE = [
    "<script>alert(1)</script>",
    "\u202egnp.exe\u2066",
    "a\r\nX-Injected: 1",
    "x" * 10_000,
    "\x1b[2J\x00",
    "'\"`</td>",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_callers_make_up_stays_text(tmp_path: Path, text: str) -> None:
    view = call_view(caller=text, text=text)
    async with served_console(tmp_path, [view]) as console:
        console.desk.turns = (Words(speaker="caller", text=text, final=True),)
        for page in ("/", "/?part=calls", "/calls/call-1", "/calls/call-1?part=talk", "/calls/call-1/hangup"):
            answer = await console.unix.get(page)
            assert answer.status_code == 200
            assert "X-Injected" not in answer.headers
            body = answer.text
            assert "<script>alert" not in body
            assert "</td></bdi>" not in body
            assert not {"\u202e", "\u2066", "\x1b", "\x00"} & set(body)
            if text.startswith("<script"):
                assert "&lt;script&gt;alert(1)" in body
        # A list is not drawn out by one of its lines.
        assert len((await console.unix.get("/?part=calls")).text) < 4000


async def read(console: Console, heard: bytearray) -> None:
    """Follow the events as a browser that is logged in."""
    async with console.tcp.stream("GET", "/events?call=call-1", timeout=20) as stream:
        async for chunk in stream.aiter_bytes():
            heard.extend(chunk)


async def test_events_until_the_session_ends(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        await console.log_in()
        heard = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, console, heard)
            await eventually(lambda: console.ring.followers)
            for call_id in ("call-1", "call-2"):
                console.ring.watch(journal.Record(at=1.0, call_id=call_id, entry=journal.Claimed(agent=call_id)))
            await eventually(lambda: b"event: Claimed" in heard)
            assert b"call-2" not in heard
            assert (await console.act_on_page("/", "/logout")).status_code == 303
            console.ring.watch(journal.Record(at=1.0, call_id="call-1", entry=journal.Claimed(agent="after")))
            await eventually(lambda: not console.ring.followers)
        assert b"after" not in heard
        assert (await console.tcp.get("/")).headers["Location"] == "/login"


async def test_a_large_body_is_refused(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        answer = await console.tcp.post("/login", content=b"token=" + b"x" * 20_000, headers=FORM)
        assert answer.status_code == 413
        many = "&".join(f"a{number}=1" for number in range(100))
        assert (await console.tcp.post("/login", content=many, headers=FORM)).status_code == 400
        assert (await console.tcp.post("/login", content=b"token=\xff", headers=FORM)).status_code == 400
        assert (await console.tcp.post("/login", json={"token": TOKEN})).status_code == 415


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
