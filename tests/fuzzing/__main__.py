"""Schemathesis against the control API: `python -m tests.fuzzing SCHEMATHESIS`.

Twice: on a desk with nothing behind it, on which everything may be done; and on a living daemon with calls of the
sandbox's, on which everything may but stopping it. Exits with 1 if any answer is a 5xx, or not as the description says.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import httpx
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.daemon_process import open_daemon
from daemon.sandbox.script import Script
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.operate.fakes import TOKEN, call_view, served

ROOT = Path(__file__).parents[2]
LIMIT = 240.0
"""Seconds for one round."""
# Endless by nature; tests/operate/ has its tests.
ALWAYS_LEFT_OUT = ("--exclude-path", "/v1/events")


async def fuzz(schemathesis: str, port: int, *options: str) -> int:
    """Let it loose on this port; gives its exit code."""
    command = [schemathesis, "run", f"http://127.0.0.1:{port}/openapi.json"]
    command += ["-H", f"Authorization: Bearer {TOKEN}", "--request-timeout", "30", "--continue-on-failure"]
    with trio.fail_after(LIMIT), tempfile.TemporaryDirectory() as folder:
        done = await trio.run_process([*command, *ALWAYS_LEFT_OUT, *options], check=False, cwd=folder)
    return done.returncode


async def on_a_desk(schemathesis: str) -> int:
    """Everything is allowed."""
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder), [call_view(), call_view("call-2")]) as api:
            return await fuzz(schemathesis, api.port, "-n", "100")


async def on_a_daemon(schemathesis: str) -> int:
    """On live calls; stopping the daemon would end the fun."""
    board = Switchboard(API_KEY)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "token").write_text(TOKEN)
        async with open_sandbox(board) as address:
            settings = (
                f"platform.xai.base_url=http://{address}",
                f"platform.xai.websocket_url=ws://{address}/v1/realtime",
                f"operator.listen=127.0.0.1:{port}",
                f"operator.token=${{file:{folder}/token}}",
            )
            config = ROOT / "config.toml"
            async with (
                open_daemon(config, settings=settings, secret=SIGNING_SECRET, api_key=API_KEY) as daemon,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(keep_calling, daemon.webhook_url, board)
                code = await fuzz(schemathesis, port, "-n", "60", "--exclude-path", "/v1/drain")
                nursery.cancel_scope.cancel()
    return code


async def keep_calling(url: str, board: Switchboard) -> None:
    """Have a few calls at any time, as they are hung up again and again."""
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            call = board.place(Script())
            await announce(client, f"{url}/xai/sip-webhook", call, secret=SIGNING_SECRET, at=system_clock())
            await trio.sleep(0.3)


def main() -> int:
    schemathesis = str(Path(sys.argv[1]).absolute())
    codes = [trio.run(partial(round_of, schemathesis)) for round_of in (on_a_desk, on_a_daemon)]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
