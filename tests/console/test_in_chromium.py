"""The console in a real browser, on a living daemon with live calls: everything that can be seen and done there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from daemon.config import Drain
from tests.browser import Page, browser, needs_chromium
from tests.configured import CALLER
from tests.conftest import Logged
from tests.console.callers import SHOTS, STAYS, TALK, TOKEN, World, workshop
from tests.live import kill

pytestmark = needs_chromium


@asynccontextmanager
async def console(folder: Path, logged: Logged, drain: Drain | None = None) -> AsyncIterator[tuple[World, Page]]:
    """A daemon and a browser that is logged in; at the end, nothing may have been complained of."""
    async with browser(folder) as session:
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
    Path(SHOTS).mkdir(exist_ok=True)
    for dark in (False, True):
        for width in (1280, 390):
            await page.look(dark=dark, width=width)
            await trio.sleep(0.1)
            await page.screenshot(Path(SHOTS, f"{name}-{'dark' if dark else 'light'}-{width}.png"))
    await page.look()


async def test_a_call_is_seen_and_hung_up(tmp_path: Path, logged: Logged) -> None:
    async with console(tmp_path, logged) as (world, page):
        await page.text("No calls in progress")
        await shot(page, "empty")
        call = await world.live.ring(TALK)
        # It comes without anybody's doing, and so do its words.
        await page.until(f"!!document.getElementById('call-{call.id}')")
        await page.text("is ready. The bill is")
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
        await page.until("document.querySelectorAll('svg rect.caller').length == 2", 30)
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
        kill()
        kill()
    assert call.ended_by == "hangup"
