"""The console in a real browser, on a living daemon with live calls: everything that can be seen and done there."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from daemon.config import Drain
from daemon.sandbox.script import Say, Script
from tests.browser import Page, connected
from tests.conftest import Logged
from tests.console.callers import SHOTS, STAYS, TALK, TOKEN, World, workshop
from tests.console.tunnel import tunnel


@asynccontextmanager
async def console(
    url: str, folder: Path, logged: Logged, drain: Drain | None = None
) -> AsyncIterator[tuple[World, Page]]:
    """A daemon and a browser that is logged in; at the end, nothing may have been complained of."""
    async with connected(url) as session:
        page = await session.page()
        async with workshop(folder, logged, drain) as world:
            await page.look()
            await page.open(world.url())
            await page.titled("Log in")
            await page.type("#token", TOKEN)
            await page.press("Enter")
            await page.titled("Live calls")
            yield world, page
        assert [each for each in page.complaints if "net::ERR" not in each] == []


async def shot(page: Page, name: str) -> None:
    """Look at a page by day and by night, on a desk and on a phone; whoever listens to it knows every control."""
    assert await page.nameless() == []
    if not SHOTS:
        return
    await trio.Path(SHOTS).mkdir(exist_ok=True)
    for dark in (False, True):
        for width in (1280, 390):
            await page.look(dark=dark, width=width)
            await trio.sleep(0.1)
            await page.screenshot(Path(SHOTS, f"{name}-{'dark' if dark else 'light'}-{width}.png"))
    await page.look()


async def test_a_call_is_seen_and_hung_up(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged) as (world, page):
        await page.text("No calls in progress")
        await shot(page, "empty")
        call = await world.live.ring(TALK)
        # It comes without anybody's doing, and so do its words.
        await page.until(f"!!document.getElementById('call-{call.id}')")
        await page.text("hello, I would like")
        await page.text("Yes, we are open on Saturday")
        for _ in range(4):
            await world.live.ring(STAYS)
        await page.text("5 calls in progress")
        await page.text("I am listening.")
        await shot(page, "live")
        await page.follow(f"#call-{call.id} a", "Call")
        await page.text("Yes, we are open on Saturday")
        await page.text("took")
        await page.text("entry 42")
        await page.text("Who spoke when")
        await page.until("document.querySelectorAll('svg rect.caller').length >= 2", 30)
        await page.click("#tools + ol summary")
        await page.text('"order": "42"')
        await shot(page, "call")
        await page.follow("#hangup", "Hang up this call?")
        await shot(page, "hangup")
        await page.type("#reason", "the workshop closes")
        await page.press("Enter")
        await page.titled("Call")
        await page.text("the workshop closes")
        await page.text("operator with token")
        await shot(page, "over")
        await world.stop()
    assert call.ended_by == "hangup"


async def test_a_call_is_transferred(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged) as (world, page):
        call = await world.live.ring(STAYS)
        await page.follow(f"#call-{call.id} a", "Call")
        await page.text("I am just looking")
        await page.follow("#transfer", "Transfer this caller?")
        await page.evaluate("document.getElementById('destination').value = 'workshop'")
        await shot(page, "transfer")
        await page.follow("#do", "Call")
        await page.text("Transfer to workshop begun")
        await page.text("transferred")
        await page.until("document.querySelector('.title .state').innerText.includes('transferred')")
        await world.stop()
    assert call.ended_by == "refer"


async def test_a_node_is_paused_resumed_and_drained(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged, Drain(deadline=60.0, lame_duck=0.0)) as (world, page):
        call = await world.live.ring(STAYS)
        await page.follow("a[href='/node']", "Node")
        await shot(page, "node")
        await page.follow("#pause", "Pause this node?")
        await page.follow("#do", "Node")
        await page.text("Paused; 1 calls in progress")
        await page.until("document.querySelector('.pulse .state').innerText.includes('paused')")
        await page.follow("#resume", "Resume this node?")
        await page.follow("#do", "Node")
        await page.text("Resumed")
        await page.until("document.querySelector('.pulse .state').innerText.includes('ready')")
        await page.follow("a[href='/tree']", "Task tree")
        await page.text(f"call {call.id}")
        await shot(page, "tree")
        await page.follow("a[href='/node']", "Node")
        await page.follow("#drain", "Drain this node?")
        await shot(page, "drain")
        await page.follow("#do", "Node")
        await page.text("It drains: 1 call left")
        await page.text("operator with token")
        await shot(page, "draining")
        await page.follow("#drain", "Drain this node?")
        await page.click("#now")
        await page.click("#do")
        assert await world.live.exit_code() == 0
    assert call.ended_by == "hangup"
    acts = [(line["verb"], line["who"]) for line in logged() if line["event"] == "operator" and "via" in line]
    assert acts == [(verb, "operator with token") for verb in ("pause", "resume", "drain", "drain")]


async def test_searching_and_leaving(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged) as (world, page):
        calls = [await world.live.ring(script) for script in (TALK, STAYS, STAYS)]
        await page.text("Is there anything else I can do for you?")  # so the ledger has what was said before
        for call in calls[1:]:
            await world.live.control.post(f"/v1/calls/{call.id}/hangup", json={"reason": "a test"})
        await page.follow("a[href='/history']", "History")
        await page.text("3 calls, newest first")
        await shot(page, "history")
        await page.type("#words", "basket Saturday")
        await page.press("Enter")
        await page.text("No calls that fit")
        await page.evaluate("document.getElementById('words').value = ''")
        await page.type("#words", "SATURDAY pick")
        await page.press("Enter")
        await page.text("1 call, newest first")
        await page.text("could I pick it up")
        await page.follow("tbody a", "Call")
        await page.text("Gladly. Please type")
        await page.follow("a[href='/charts']", "Charts")
        await page.text("half within")
        await shot(page, "charts")
        await page.follow("a[href='/']", "Live calls")
        await page.follow(".leave button", "Log in")
        await shot(page, "login")
        await page.open(world.url("/history"))
        await page.titled("Log in")
        await page.type("#token", "a wrong one")
        await page.press("Enter")
        await page.text("That is not the token")
        await world.stop()
        # What the browser says of a 401, and that the events ended with the session.
        page.complaints[:] = [each for each in page.complaints if "401" not in each]


async def test_without_javascript_and_with_the_keyboard_alone(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged) as (world, page):
        call = await world.live.ring(STAYS)
        await page.text("1 call in progress")
        await page.scripts(on=False)
        await page.open(world.url())
        await page.text("Without JavaScript this page shows one moment")
        for title in ("Call", "Hang up this call?"):
            focus = "tbody a" if title == "Call" else "#hangup"
            for _ in range(20):
                await page.press("Tab")
                if await page.evaluate(f"document.activeElement === document.querySelector('{focus}')"):
                    break
            else:
                raise AssertionError(f"{focus} can't be reached")
            await page.press("Enter")
            await page.titled(title)
        await page.type("#reason", "by keyboard")
        await page.press("Tab")
        await page.press(" ")
        await page.titled("Call")
        await page.text("by keyboard")
        await page.scripts(on=True)
        await world.stop()
    assert call.ended_by == "hangup"


HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "\u202egnp.exe\u2066\u200e" + "x" * 10_000,
)


async def test_what_callers_say_stays_text(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged) as (world, page):
        script = Script(steps=tuple(Say(words) for words in HOSTILE), seconds_per_word=0.01)
        call = await world.live.ring(script)
        await page.follow(f"#call-{call.id} a", "Call")
        await page.text("<script>document.title='owned'</script>")
        await page.text("x" * 10_000)
        assert await page.evaluate("document.querySelectorAll('main script, main img').length") == 0
        assert "\u202e" not in await page.evaluate("document.body.textContent")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await shot(page, "hostile")
        await page.follow("a[href='/history']", "History")
        await page.text("1 call, newest first")
        await world.stop()


async def test_through_a_tunnel_to_the_socket_nobody_logs_in(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with (
        connected(chromium) as session,
        workshop(tmp_path, logged) as world,
        tunnel(tmp_path / "control.sock") as address,
    ):
        page = await session.page()
        await page.open(address)
        await page.titled("Live calls")
        await page.until("document.getElementById('line').innerText === 'Live'")
        assert not await page.evaluate("!!document.querySelector('.leave')")
        await page.open(f"{address}/node/pause")
        await page.follow("#do", "Node")
        await page.text("Paused")
        # Another page on this desk can make its browser ask, and gets nothing.
        other = await session.page()
        await other.open(world.url("/login"))
        given = await other.evaluate(
            f"fetch('{address}/v1/resume', {{method: 'POST', mode: 'no-cors'}}).then(() => 'sent', (e) => String(e))"
        )
        assert given
        assert (await world.live.control.get("/v1/status")).json()["state"] == "paused"
        assert page.complaints == []
        await world.stop()
    acts = [(line["verb"], line["who"]) for line in logged() if line["event"] == "operator" and "via" in line]
    assert acts == [("pause", f"operator uid {os.getuid()}")]


async def test_a_tab_that_nobody_sees_follows_nothing(chromium: str, tmp_path: Path, logged: Logged) -> None:
    async with console(chromium, tmp_path, logged) as (world, page):

        async def followers(number: int) -> None:
            for _ in range(200):
                if (await world.live.control.get("/v1/status")).json()["watchers"] == number:
                    return
                await trio.sleep(0.05)
            raise AssertionError(number)

        await followers(1)
        await page.hide()
        await followers(0)
        call = await world.live.ring(STAYS)
        await page.hide(hidden=False)
        await followers(1)
        await page.until(f"!!document.getElementById('call-{call.id}')")
        await world.stop()
