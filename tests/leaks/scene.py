"""A daemon as a process whose every outlet is caught: log, journal, ledger, recordings, metrics, traces, answers."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.script import Script
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.leaks import canaries
from tests.leaks.canaries import Channel
from tests.process.nodes import until
from tests.tools.server import Asked, Respond, Server, open_server, says

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
[server]
bind = ["fd://{public}"]

[platform.xai]
api_key = "${{env:CANARY_KEY}}"
webhook_secrets = ["${{credential:signing}}"]
base_url = "http://{sandbox}"
websocket_url = "ws://{sandbox}/v1/realtime"

[numbers."+18005550199"]
agent = "support"
webhook_secrets = ["${{credential:signing}}", "${{file:{folder}/secrets/of-number}}"]

[agents.support]
instructions = "Help {{{{ lookup.name }}}}."
greeting = "Welcome."
tools = ["hang_up", "transfer", "collect_digits", "pay", "look_up", "breaks", "asks_back", "provider"]
transfers = ["desk"]
keypad = {{ idle_timeout = "500ms" }}

[agents.support.lookup]
url = "http://127.0.0.1:{lookup}/callers/{{caller}}"
headers = {{ Authorization = "Bearer ${{credential:lookup}}" }}
fields = {{ name = "/name", echo = "/echo" }}
allow_private = ["127.0.0.1"]

[destinations.desk]
uri = "tel:+18005550123"

[tools.pay]
type = "http"
description = "Takes a payment."
url = "http://127.0.0.1:{tool}/pay"
method = "POST"
parameters = {{ card = "keypad" }}
headers = {{ Authorization = "Bearer ${{credential:tool}}" }}
allow_private = ["127.0.0.1"]

[tools.look_up]
type = "http"
description = "Looks up an order."
url = "http://127.0.0.1:{tool}/{{order}}"
parameters = {{ order = "string" }}
headers = {{ Authorization = "Bearer ${{credential:tool}}" }}
allow_private = ["127.0.0.1"]

[tools.breaks]
type = "python"
file = "tools.py:breaks"

[tools.asks_back]
type = "python"
file = "tools.py:asks_back"

[tools.provider]
type = "mcp"
server_url = "https://mcp.example.com/mcp"
authorization = "${{credential:provider}}"

[ledger]
url = "sqlite:///{folder}/state/ledger.db"
transcripts = {transcripts}

[[deliveries]]
url = "http://127.0.0.1:{endpoint}/calls"
secret = "${{credential:deliveries}}"
events = ["call.claimed", "call.ended"]

[drain]
lame_duck = "0s"

[log]
level = "debug"
format = "{form}"

[recording]
directory = "{folder}/recordings"

[operator]
socket = "{folder}/control.sock"
listen = "127.0.0.1:{operator}"
token = "${{credential:operator}}"

[tracing]
endpoint = "http://127.0.0.1:{traces}/v1/traces"
"""
TOOLS = '''
"""Tools of an operator's who is not careful."""

import logging
import os
import warnings
from pathlib import Path


async def breaks(words: str) -> str:
    """Break."""
    secret = Path(os.environ["CREDENTIALS_DIRECTORY"], "tool").read_text()
    raise RuntimeError(f"{secret} {words} {os.environ['CANARY_KEY']}")


def asks_back(words: str) -> str:
    """Log the key, in a thread, and break."""
    logging.getLogger("shop").error("asked with %s", os.environ["CANARY_KEY"])
    try:
        raise OSError(os.environ["CANARY_KEY"])
    except OSError:
        logging.getLogger("shop").exception("it broke")
    raise KeyError(words)
'''
CREDENTIALS = {
    "signing": canaries.SIGNING,
    "of-number": canaries.OF_NUMBER,
    "deliveries": canaries.DELIVERIES,
    "tool": canaries.TOOL,
    "lookup": canaries.LOOKUP,
    "provider": canaries.PROVIDER,
    "operator": canaries.OPERATOR,
}


async def _echo(stream: trio.abc.Stream, asked: Asked) -> None:
    """Answer with all that came, as servers do that help with debugging; fail where the path says so."""
    status = {"/fails": 500, "/refuses": 400}.get(asked.target, 200)
    told = {"name": canaries.TOLD, "echo": asked.headers.get("authorization"), "sent": asked.body.decode()}
    await says(status, json.dumps({**told, "headers": asked.headers}))(stream, asked)


class Scene:
    """One daemon after another, on the same state, and what they gave out."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.board = Switchboard(canaries.API_KEY)
        self.public = socket.create_server(("127.0.0.1", 0), backlog=256)
        stack.callback(self.public.close)
        self.process: trio.Process | None = None
        self.channels: dict[str, Channel] = {}
        self.servers: dict[str, Server] = {}
        self.operator_port = 0
        self._journal = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        stack.callback(self._journal.close)
        self.form = "json"

    def channel(self, name: str) -> Channel:
        """What came out there so far."""
        return self.channels.setdefault(name, Channel(name))

    async def lay(self, nursery: trio.Nursery, *, form: str, transcripts: bool) -> None:
        """Lay everything that the daemon needs."""
        self.form = form
        sandbox = await self._stack.enter_async_context(open_sandbox(self.board))
        responds: dict[str, Respond] = {"lookup": _echo, "tool": _echo, "endpoint": says(204), "traces": says(200)}
        for name, respond in responds.items():
            self.servers[name] = await self._stack.enter_async_context(open_server(respond))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.operator_port = free.getsockname()[1]
        for name in ("secrets", "state"):
            (self.folder / name).mkdir()
        for name, secret in CREDENTIALS.items():
            (self.folder / "secrets" / name).write_text(f"{secret}\n")
        (self.folder / "tools.py").write_text(TOOLS)
        ports = {name: server.port for name, server in self.servers.items()}
        text = CONFIG.format(
            public=self.public.fileno(),
            sandbox=sandbox,
            folder=self.folder,
            form=form,
            operator=self.operator_port,
            transcripts=str(transcripts).lower(),
            **ports,
        )
        self.config.write_text(text)
        await self._journal.bind(str(self.folder / "journal"))
        nursery.start_soon(self._hear_journal, name="journal")

    async def _hear_journal(self) -> None:
        while True:
            self.channel("journal").add(await self._journal.recv(1 << 18))

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "config.toml"

    @property
    def environment(self) -> Mapping[str, str]:
        """What the daemon, and every command, is started with."""
        secrets = {"CANARY_KEY": canaries.API_KEY, "CREDENTIALS_DIRECTORY": str(self.folder / "secrets")}
        return {**os.environ, **secrets, "CANARY_DATABASE": canaries.DATABASE, "NO_COLOR": "1"}

    async def start(self) -> None:
        """Start the daemon, and wait until it is READY."""
        notify = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        await notify.bind(str(path))
        command = [sys.executable, "-m", "tests.leaks.journalled", str(self.folder / "journal"), "run"]
        command += ["--config", str(self.config), "--events", str(self.folder / "events")]
        with (self.folder / "log").open("ab") as log:
            self.process = await trio.lowlevel.open_process(
                command,
                env={**self.environment, "NOTIFY_SOCKET": str(path)},
                pass_fds=(self.public.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )
        told = b""
        with notify, trio.move_on_after(30):
            while b"READY=1" not in told:
                told = await notify.recv(4096)
                self.channel("systemd").add(told)
        if b"READY=1" not in told:
            raise AssertionError((self.folder / "log").read_text()[-3000:])

    async def call(self, script: Script, **changes: object) -> SandboxCall:
        """Somebody calls; gives the call when it is over."""
        call = self.board.place(script, caller=canaries.CALLER, headers=(("X-Note", canaries.SAID),))
        for name, value in changes.items():
            setattr(call, name, value)
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{self.public.getsockname()[1]}/xai/sip-webhook"
            (await announce(client, url, call, secret=canaries.SIGNING, at=system_clock())).raise_for_status()
        return call

    async def ask(self, path: str, *, method: str = "GET", token: str = canaries.OPERATOR) -> httpx.Response:
        """Ask the daemon, over its operators' port."""
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{self.operator_port}{path}"
            answer = await client.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        self.channel("metrics" if path == "/metrics" else "answers").add(f"{answer.headers}\n{answer.text}")
        return answer

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; gives the exit code."""
        assert self.process is not None
        with trio.fail_after(40):
            return await self.process.wait()

    async def type(self, *arguments: str, channel: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Type a command; what it prints goes into a channel."""
        command = [sys.executable, "-m", "daemon", *arguments]
        with trio.fail_after(60):
            done = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, env=self.environment, stdin=stdin
            )
        self.channel(channel).add(done.stdout + done.stderr)
        return done

    async def until_logged(self, words: str) -> None:
        """Wait until a line with this in it is written."""
        await until(lambda: words.encode() in self.logged, 20, words)

    @property
    def logged(self) -> bytes:
        """What was logged, wherever it went."""
        return (self.folder / "log").read_bytes() + self.channel("journal").content

    def gather(self) -> None:
        """Take what is in files, and what servers got."""
        self.channel("log").add_files(self.folder / "log")
        self.channel("events").add_files(self.folder / "events")
        self.channel("ledger").add_files(*(file for file in (self.folder / "state").rglob("*") if file.is_file()))
        self.channel("recordings").add_files(*(self.folder / "recordings").glob("*"))
        for name, channel in (("endpoint", "deliveries"), ("traces", "traces"), ("tool", "tool"), ("lookup", "lookup")):
            for asked in self.servers[name].asked:
                self.channel(channel).add(f"{asked.method} {asked.target} {asked.headers}")
                self.channel(channel).add(asked.body)
        for call in self.board.calls.values():
            for session in call.sessions:
                self.channel("platform").add(json.dumps(session.heard))


@asynccontextmanager
async def open_scene(folder: Path, *, form: str, transcripts: bool) -> AsyncIterator[Scene]:
    """A scene, with nothing of it left running when the block is left."""
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        scene = Scene(folder, stack)
        await scene.lay(nursery, form=form, transcripts=transcripts)
        try:
            yield scene
        finally:
            if scene.process is not None and scene.process.returncode is None:
                scene.process.kill()
                with trio.move_on_after(5, shield=True):
                    await scene.process.wait()
            nursery.cancel_scope.cancel(reason="the test is over")
