"""An operator's machine: commands typed in, the platform and the carriers on sockets."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from click.testing import CliRunner

from daemon.cli.main import main
from daemon.sandbox.plivo import PlivoDesk
from daemon.sandbox.rest import Answer, Asked, Front, Scripted, open_rest
from daemon.sandbox.switchboard import Switchboard
from daemon.sandbox.telnyx import TelnyxDesk
from daemon.sandbox.twilio import TwilioDesk
from tests.configured import API_KEY, SIGNING_SECRET

NUMBER = "+4930555019"
TOKEN = "carrier-token-nobody-sees"
PASSWORD = "sip-password-nobody-sees"
WEBHOOK = "https://calls.example.org/xai/sip-webhook"

CONFIG = """\
# Ours.
[platform.xai]
api_key = "${{env:XAI_API_KEY}}"
base_url = "{base}"   # a stand-in

[numbers."+18005550199"]
agent = "support"
webhook_secrets = ["${{env:HOOK}}"]

# Who answers.
[agents.support]
instructions = "Help."
"""


@dataclass
class Typed:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass
class Machine:
    """Where the operator types."""

    folder: Path
    board: Switchboard
    twilio: TwilioDesk
    telnyx: TelnyxDesk
    plivo: PlivoDesk
    platform: Scripted
    base: str = ""
    carrier: str = ""
    env: dict[str, str | None] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "config.toml"

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    def secrets_in(self, text: str) -> list[str]:
        """Secrets that a text repeats."""
        known = [API_KEY, TOKEN, PASSWORD, SIGNING_SECRET, *self.board.numbers.secrets.values()]
        return [secret for secret in known if secret in text]

    async def type(self, *arguments: str, stdin: str = "") -> Typed:
        """Type a command; no secret may be in what it prints."""
        runner = CliRunner(env=self.env)

        def run() -> Typed:
            result = runner.invoke(main, arguments, input=stdin)
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            return Typed(result.exit_code, result.stdout, result.stderr)

        with trio.fail_after(20):
            typed = await trio.to_thread.run_sync(run)
        assert self.secrets_in(typed.out + typed.err) == []
        return typed

    async def register(self, *arguments: str) -> Typed:
        """Register the number, with the usual arguments."""
        return await self.type("numbers", "register", NUMBER, "--webhook", WEBHOOK, *arguments)

    async def at(self, verb: str, *arguments: str, stdin: str = "") -> Typed:
        """Type a `carrier` command, against the stand-ins."""
        return await self.type("carrier", verb, NUMBER, "--api-url", self.carrier, *arguments, stdin=stdin)


@asynccontextmanager
async def open_machine(folder: Path, watch: Callable[[Front], Front] = lambda front: front) -> AsyncIterator[Machine]:
    """A machine with a configuration, and accounts that own the number; `watch` may stand before all of them."""
    board = Switchboard(API_KEY)
    twilio, telnyx, plivo = TwilioDesk(token=TOKEN), TelnyxDesk(key=TOKEN), PlivoDesk(token=TOKEN)
    twilio.buy(NUMBER)
    telnyx.buy(NUMBER)
    plivo.buy(NUMBER)

    def platform(asked: Asked) -> Answer:
        return Answer(*board.rest(asked.method, asked.path, asked.headers, asked.body))

    def carrier(asked: Asked) -> Answer:
        if asked.path.startswith("/v1/Account/"):
            return plivo(asked)
        return twilio(asked) if asked.path.startswith(("/v1/Trunks", "/2010-04-01")) else telnyx(asked)

    machine = Machine(folder, board, twilio, telnyx, plivo, Scripted(platform))
    async with open_rest(watch(machine.platform)) as machine.base, open_rest(watch(carrier)) as machine.carrier:
        machine.config.write_text(CONFIG.format(base=machine.base))
        machine.env = {
            "XAI_API_KEY": API_KEY,
            "HOOK": SIGNING_SECRET,
            "CALLWARDEN_CONFIG": str(machine.config),
            "CALLWARDEN_STATE": str(machine.state),
            "CALLWARDEN_SIP_PASSWORD": None,
            "CREDENTIALS_DIRECTORY": None,
            "TWILIO_ACCOUNT_SID": twilio.account,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TELNYX_API_KEY": TOKEN,
            "PLIVO_AUTH_ID": plivo.auth_id,
            "PLIVO_AUTH_TOKEN": TOKEN,
        }
        yield machine
