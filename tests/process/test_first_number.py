"""From a bought number to a ringing agent: every command as its own process, everything else on sockets.

register -> carrier apply -> a signed call -> its receipt. Then the secret is rotated under the daemon, and both secrets
are good until the old one is given up.
"""

import json
import os
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from click.testing import CliRunner

from daemon.cli.main import main
from daemon.observe.clock import system_clock
from daemon.sandbox.daemon_process import DaemonProcess, open_daemon
from daemon.sandbox.rest import open_rest
from daemon.sandbox.script import Leave, Say, Script
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from daemon.sandbox.twilio import TwilioDesk
from tests.configured import API_KEY, SIGNING_SECRET

ROOT = Path(__file__).parents[2]
NUMBER = "+4930555019"
TOKEN = "twilio-token-nobody-sees"
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the daemon is handed its socket by /dev/fd")
URL = "https://calls.example.org/xai/sip-webhook"


class Machine:
    """Where the operator types."""

    def __init__(self, folder: Path, platform: str, *, processes: bool) -> None:
        self.config = folder / "config.toml"
        self._processes = processes
        text = (ROOT / "config.toml").read_text().replace("https://api.x.ai", f"http://{platform}")
        self.config.write_text(text.replace("wss://api.x.ai", f"ws://{platform}"))
        self._variables = {
            "XAI_API_KEY": API_KEY,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "CALLWARDEN_STATE": str(folder / "state"),
            "CALLWARDEN_CONFIG": str(self.config),
        }

    async def type(self, *arguments: str) -> str:
        """Type a command that succeeds; gives what it printed."""
        run = self._process if self._processes else self._thread
        with trio.fail_after(60):
            code, out, err = await run(*arguments)
        assert code == 0, out + err
        assert not {secret for secret in (API_KEY, TOKEN, "whsec_", "Traceback") if secret in out + err}
        return out

    async def _thread(self, *arguments: str) -> tuple[int, str, str]:
        """In this process, on a thread with a Trio of its own."""
        runner = CliRunner(env=self._variables)
        result = await trio.to_thread.run_sync(runner.invoke, main, arguments)
        return result.exit_code, result.stdout, result.stderr

    async def _process(self, *arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "daemon", *arguments]
        environment = {**os.environ, **self._variables}
        done = await trio.run_process(
            command, env=environment, cwd=ROOT, stdin=b"", capture_stdout=True, capture_stderr=True, check=False
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def daemon(self) -> AbstractAsyncContextManager[DaemonProcess]:
        """The daemon on this machine's configuration; the secret is the one of other numbers."""
        return open_daemon(self.config, settings=(), secret=SIGNING_SECRET, api_key=API_KEY)


async def one_call(board: Switchboard, daemon: DaemonProcess, secret: str) -> tuple[int, dict[str, Any]]:
    """Let somebody dial the number and hang up; gives the webhook's status, and the receipt."""
    call = board.place(Script(steps=(Say("hello"), Leave()), seconds_per_word=0.01), called=NUMBER)
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{daemon.webhook_url}/xai/sip-webhook"
        answer = await announce(client, url, call, secret=secret, at=system_clock())
    receipt: dict[str, Any] = {}
    if answer.status_code == 200:
        with trio.fail_after(30):
            async for record in daemon.records:
                entry: Any = record.get("entry", {})
                if entry.get("kind") == "Ended" and record["call_id"] == call.id:
                    receipt = entry["receipt"]
                    break
    return answer.status_code, receipt


@pytest.fixture
def twilio() -> TwilioDesk:
    return TwilioDesk(token=TOKEN)


REGISTER = ("numbers", "register", NUMBER, "--webhook", URL, "--carrier", "twilio", "--write", "--json")


async def set_up(machine: Machine, twilio: TwilioDesk, carrier: str) -> None:
    bought = twilio.buy(NUMBER)
    facts = json.loads(await machine.type(*REGISTER))
    assert facts["sip_uri"] == f"sip:{NUMBER}@sip.voice.x.ai;transport=tls"
    assert len(facts["allowed_addresses"]) == 8
    await machine.type("carrier", "apply", NUMBER, "--yes", "--api-url", carrier)
    (origination,) = twilio.urls.values()
    assert (origination["sip_url"], origination["trunk_sid"]) == (facts["sip_uri"], bought["trunk_sid"])


@only_linux
async def test_from_a_bought_number_to_a_receipt(twilio: TwilioDesk, tmp_path: Path) -> None:
    board = Switchboard(API_KEY)
    async with open_sandbox(board) as platform, open_rest(twilio) as carrier:
        machine = Machine(tmp_path, platform, processes=False)
        await set_up(machine, twilio, carrier)
        async with machine.daemon() as daemon:
            status, receipt = await one_call(board, daemon, board.numbers.secrets[NUMBER])
            assert (status, receipt["outcome"]) == (200, "caller_left")
            # What signs for other numbers does not sign for this one.
            assert await one_call(board, daemon, SIGNING_SECRET) == (401, {})


@only_linux
@pytest.mark.exhaustive
async def test_the_whole_life_of_a_number(twilio: TwilioDesk, tmp_path: Path) -> None:
    board = Switchboard(API_KEY)
    async with open_sandbox(board) as platform, open_rest(twilio) as carrier:
        machine = Machine(tmp_path, platform, processes=True)
        await set_up(machine, twilio, carrier)
        first = board.numbers.secrets[NUMBER]
        async with machine.daemon() as daemon:
            assert (await one_call(board, daemon, first))[1]["outcome"] == "caller_left"
        await machine.type("numbers", "rotate", NUMBER, "--yes", "--write")
        second = board.numbers.secrets[NUMBER]
        assert second != first
        async with machine.daemon() as daemon:
            assert [(await one_call(board, daemon, secret))[0] for secret in (first, second)] == [200, 200]
        await machine.type("numbers", "rotate", NUMBER, "--finish", "--write")
        async with machine.daemon() as daemon:
            assert [(await one_call(board, daemon, secret))[0] for secret in (first, second)] == [401, 200]
        await machine.type("carrier", "remove", NUMBER, "--yes", "--api-url", carrier)
        assert (twilio.trunks, twilio.urls, twilio.released) == ({}, {}, [])
        await machine.type("numbers", "delete", NUMBER, "--yes")
        assert board.numbers.listed == {}
        assert "# --- Your agents" in machine.config.read_text()
