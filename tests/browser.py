"""A real browser for tests: Debian's Chromium without a screen, driven over its DevTools protocol.

Everything has a deadline; the process is ended by its own number and waited for. What its pages complain of (errors,
refused by the policy, exceptions) is kept, so that a test can insist on silence.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio_websocket

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 20.0
"""Seconds for anything a browser does: it shares the machine with much else."""

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which root can't have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), " ": (" ", 32)}


class Refused(Exception):
    """The browser did not do what it was told."""


class Page:
    """One tab."""

    def __init__(self, session: "Session", session_id: str) -> None:
        self._session = session
        self._id = session_id

    @property
    def complaints(self) -> list[str]:
        """What its pages have complained of."""
        return self._session.complaints[self._id]

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._session.call(method, parameters, self._id)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        given = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in given:
            raise Refused(given["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return given["result"].get("value")

    async def open(self, url: str) -> None:
        """Go somewhere, and wait until it is there."""
        given = await self.call("Page.navigate", url=url)
        assert not given.get("errorText"), given
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true, also across pages; gives its value."""
        value = None
        with trio.move_on_after(seconds):
            while True:
                try:
                    if value := await self.evaluate(expression):
                        return value
                except Refused:
                    value = "in between pages"
                await trio.sleep(0.03)
        where = await self.evaluate("location.href + '\\n' + document.body.innerText")
        raise AssertionError(f"never true: {expression} (it is {value!r})\n{where}")

    async def text(self, words: str) -> None:
        """Wait until the page has these words."""
        await self.until(f"document.body && document.body.innerText.includes({json.dumps(words)})")

    async def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does; a page that this leads to is waited for."""
        # Where it is once nothing lies over it any more: a page may still be taking its place.
        box = await self.until(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null; "
            "e.scrollIntoView({block: 'center'}); const b = e.getClientRects()[0]; "
            "const [x, y] = [b.x + b.width / 2, b.y + b.height / 2]; "
            "const there = document.elementFromPoint(x, y); "
            "return document.readyState === 'complete' && there && e.contains(there) ? [x, y] : null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    async def follow(self, selector: str, title: str) -> None:
        """Click on what leads to another page, and wait for that one by its title."""
        await self.click(selector)
        await self.titled(title)

    async def titled(self, title: str) -> None:
        """Wait for a page."""
        await self.until(f"document.readyState === 'complete' && document.title.startsWith({json.dumps(title)})")

    async def type(self, selector: str, words: str) -> None:
        """Write into a field."""
        await self.until(f"!!document.querySelector({json.dumps(selector)})")
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.call("Input.insertText", text=words)

    async def press(self, key: str) -> None:
        """Press a key."""
        text, code = _KEYS[key]
        name = {" ": "Space"}.get(key, key)
        named = {"key": key, "code": name, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    async def look(self, *, dark: bool = False, width: int = 1280, height: int = 800) -> None:
        """Be of a size, by day or by night."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def screenshot(self, path: Path) -> None:
        """Take a picture of the whole page."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        given = await self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        await trio.Path(path).write_bytes(base64.b64decode(given["data"]))

    async def hide(self, *, hidden: bool = True) -> None:
        """Tell the page that it is not seen, or seen again, as when somebody changes to another tab."""
        await self.evaluate(
            f"Object.defineProperty(document, 'hidden', {{value: {json.dumps(hidden)}, configurable: true}}); "
            "document.dispatchEvent(new Event('visibilitychange'))"
        )

    async def scripts(self, *, on: bool) -> None:
        """Switch JavaScript off, or on again; from the next page on."""
        await self.call("Emulation.setScriptExecutionDisabled", value=not on)

    async def nameless(self) -> list[str]:
        """Controls that somebody who listens to the page would not know the use of."""
        nodes = (await self.call("Accessibility.getFullAXTree"))["nodes"]
        roles = {
            "button",
            "link",
            "textbox",
            "searchbox",
            "combobox",
            "checkbox",
            "table",
            "navigation",
            "image",
            "img",
        }
        return [
            f"{node['role']['value']} {node.get('nodeId')}"
            for node in nodes
            if not node.get("ignored")
            and node.get("role", {}).get("value") in roles
            and not node.get("name", {}).get("value")
        ]


class Session:
    """The connection to a browser."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._news = trio.Condition()
        self._contexts: list[str] = []
        self.complaints: dict[str, list[str]] = {}

    async def close(self) -> None:
        """Close every tab of ours, and forget their cookies."""
        for context in self._contexts:
            await self.call("Target.disposeBrowserContext", {"browserContextId": context})

    async def listen(self) -> None:
        """Take what the browser says, until it is closed."""
        while True:
            message = json.loads(await self._socket.get_message())
            if "id" in message:
                async with self._news:
                    self._answers[message["id"]] = message
                    self._news.notify_all()
            elif complaint := _complaint(message):
                self.complaints.setdefault(message.get("sessionId", ""), []).append(complaint)

    async def call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """Have something done."""
        self._number += 1
        number = self._number
        about = {} if session is None else {"sessionId": session}
        with trio.fail_after(PATIENCE):
            await self._socket.send_message(json.dumps({"id": number, "method": method, "params": parameters, **about}))
            async with self._news:
                while number not in self._answers:
                    await self._news.wait()
        answer = self._answers.pop(number)
        if "error" in answer:
            raise Refused(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def page(self) -> Page:
        """Open a tab, with cookies of its own."""
        context = (await self.call("Target.createBrowserContext", {}))["browserContextId"]
        self._contexts.append(context)
        made = await self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})
        attached = await self.call("Target.attachToTarget", {"targetId": made["targetId"], "flatten": True})
        session_id = attached["sessionId"]
        self.complaints[session_id] = []
        page = Page(self, session_id)
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            await page.call(f"{domain}.enable")
        return page


def _complaint(message: dict[str, Any]) -> str | None:
    match message:
        case {"method": "Log.entryAdded", "params": {"entry": {"level": "error" | "warning" as level, "text": text}}}:
            return f"{level}: {text} {message['params']['entry'].get('url', '')}"
        case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
            return f"exception: {details.get('exception', {}).get('description', details)}"
        case {"method": "Runtime.consoleAPICalled", "params": {"type": "error" | "warning", "args": args}}:
            return f"console: {args}"
    return None


@contextmanager
def running_browser(folder: Path, *flags: str) -> Iterator[str]:
    """Run a browser while the block lasts, with its profile in a folder; gives where to connect to."""
    assert CHROMIUM is not None
    profile = folder / "profile"
    profile.mkdir()
    command = [CHROMIUM, *_FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(profile), "XDG_CACHE_HOME": str(profile)}
    quiet = subprocess.DEVNULL
    # All of its processes are in a group of their own, whose leader it is.
    process = subprocess.Popen(
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, env={**os.environ, **home}
    )
    try:
        yield _address(profile / "DevToolsActivePort", process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser listens; it writes that down once it does."""
    for _ in range(int(3 * PATIENCE / 0.05)):
        assert process.poll() is None, "the browser ended at once"
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise AssertionError("the browser does not come up")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Session]:
    """Use a browser that runs, while the block lasts; its tabs are closed at the end."""
    async with (
        trio_websocket.open_websocket_url(url, max_message_size=64 << 20) as socket,
        trio.open_nursery() as nursery,
    ):
        session = Session(socket)
        nursery.start_soon(session.listen)
        yield session
        await session.close()
        nursery.cancel_scope.cancel()
