"""A long run: a real daemon, on the sandbox platform behind a bad network, that is killed, restarted and reloaded.

`make soak MINUTES=n` runs it; `tests/soak/test_soak.py` does so for some seconds, that it can't rot.
"""

import signal
import sqlite3
import sys
from collections import Counter
from contextlib import AsyncExitStack, closing
from pathlib import Path
from random import Random

import httpx
import trio

from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.faults.proxy import FaultProxy, open_proxy
from tests.process.nodes import ROOT, Node, ending
from tests.soak.callers import Crowd
from tests.soak.watching import Sample, look
from tests.tools.server import Asked, Server, hang_up, open_server, says

ORDEALS = ("kill", "drain", "hand over", "kill", "force")


class Life:
    """One process of the daemon, from READY to its end."""

    def __init__(self, pid: int, began: float) -> None:
        self.pid, self.began = pid, began
        self.samples: list[Sample] = []
        self.ended_by = ""
        self.code: int | None = None


class Soak:
    """One run, and what came of it."""

    def __init__(self, folder: Path, *, seconds: float, rate: float, seed: int, restarting: float) -> None:
        self.folder, self.seconds, self.rate, self.seed = folder, seconds, rate, seed
        self.restarting = restarting
        """In which part of the time, from the beginning, it is restarted."""
        self.dice = Random(seed)
        self.lives: list[Life] = []
        self.faults: Counter[str] = Counter()
        """What was done to it, by kind."""
        self.before: Sample | None = None
        """Of the last process, when it had nothing to do."""
        self.after: Sample | None = None
        self.verdicts: list[tuple[int, str]] = []
        """What `callwarden ledger verify` said beside the running daemon, and after its end."""
        self.receipts: dict[str, str | None] = {}
        self.told: Counter[str] = Counter()
        """Deliveries that were taken by whoever is told of calls' ends, and how often."""
        self.owed: dict[str, str] = {}
        """All deliveries, with their calls."""
        self.troubles: list[str] = []
        """What went wrong in the run itself."""
        self._busy = trio.Lock()
        self._config = folder / "config.toml"

    async def run(self) -> None:
        """Run to the end."""
        async with AsyncExitStack() as stack:
            board = Switchboard(API_KEY)
            address = await stack.enter_async_context(open_sandbox(board))
            self.proxy: FaultProxy = await stack.enter_async_context(open_proxy(address))
            self.shop: Server = await stack.enter_async_context(open_server(self._sell))
            hook = await stack.enter_async_context(open_server(self._hear))
            fresh = httpx.Limits(max_connections=200, max_keepalive_connections=0)
            client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30, limits=fresh))
            self._write_config(hook.port)
            self.node = Node(self.folder, self.proxy.address, config=self._config, settings=self._settings())
            await stack.enter_async_context(ending(self.node))
            self.crowd = Crowd(board, self.node, self.dice, client)
            await self._start()
            await self._live()
            await self._finish()

    def _settings(self) -> tuple[str, ...]:
        tool = (
            f'{{type = "http", url = "http://127.0.0.1:{self.shop.port}/book", method = "POST", timeout = "2s", '
            'description = "Books.", parameters = {day = "string"}, allow_private = ["127.0.0.1"]}'
        )
        return (
            f"tools.book={tool}",
            'agents.support.tools=["hang_up", "book", "transfer"]',
            'agents.support.transfers=["front_desk"]',
            "agents.support.silence_timeout=2s",
            "agents.support.reply_timeout=2s",
            "agents.support.goodbye_timeout=2s",
            "platform.xai.ping_interval=2s",
            "platform.xai.ping_timeout=2s",
            "platform.xai.connect_timeout=2s",
            "recovery.handover=rejoin",
            "recovery.handover_budget=1s",
            "recovery.rejoin_window=4s",
            "drain.deadline=3s",
            "log.level=warning",
        )

    def _write_config(self, port: int) -> None:
        secret = self.folder / "deliveries-secret"
        secret.write_text(SIGNING_SECRET)
        hook = f'[[deliveries]]\nurl = "http://127.0.0.1:{port}/calls"\nsecret = "${{file:{secret}}}"\n'
        self._good = f"{(ROOT / 'config.toml').read_text()}\n{hook}"
        self._config.write_text(self._good)

    async def _sell(self, stream: trio.abc.Stream, asked: Asked) -> None:
        """A tool's server: quick, slow, failing, gone."""
        match self.dice.randrange(12):
            case 0:
                await trio.sleep(3)
            case 1:
                await says(500, "no")(stream, asked)
            case 2:
                await hang_up(stream, asked)
            case 3:
                await says(200, "x" * 100_000)(stream, asked)
            case _:
                await trio.sleep(self.dice.uniform(0, 0.3))
                await says(200, '{"booked": true}')(stream, asked)

    async def _hear(self, stream: trio.abc.Stream, asked: Asked) -> None:
        """Who is told of calls: sometimes cuts the connection."""
        if self.dice.random() < 0.02:
            return
        self.told[asked.headers["webhook-id"]] += 1
        await says(204)(stream, asked)

    # The process

    async def _start(self) -> None:
        await self.node.start()
        self.lives.append(Life(self.node.pid, trio.current_time()))

    async def _end(self, how: str) -> None:
        """End it in one of the ways there are."""
        life = self.lives[-1]
        life.ended_by = how
        match how:
            case "kill":
                await self.node.kill()
            case "hand over":
                self.node.signal(signal.SIGQUIT)
                life.code = await self.node.ended()
            case "drain":
                self.node.signal(signal.SIGTERM)
                life.code = await self.node.ended()
            case _:
                life.code = await self.node.stop()
        if how != "kill" and life.code not in (0, 75):
            self.troubles.append(f"{how}: exit code {life.code}")

    # The run

    async def _live(self) -> None:
        """Callers, faults, restarts and reloads, all at once; the last process lives longest."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            nursery.start_soon(self._cut)
            nursery.start_soon(self._restart)
            nursery.start_soon(self._reload)
            await self.crowd.come(self.rate, self.seconds)
            async with self._busy:
                nursery.cancel_scope.cancel(reason="everybody has gone")

    async def _watch(self) -> None:
        while True:
            await trio.sleep(min(1.0, self.seconds / 40))
            await self._look()

    async def _look(self) -> Sample | None:
        life = self.lives[-1]
        if self.node.process is None:
            return None
        sample = await look(life.pid, self.node.folder / "control.sock", life.began, len(self.crowd.calls))
        if sample is not None:
            life.samples.append(sample)
        return sample

    async def _cut(self) -> None:
        """Do to connections what networks do."""
        while True:
            await trio.sleep(self.dice.uniform(0.3, 1.5))
            links = [link for link in self.proxy.links if not link.lost]
            if not links:
                continue
            link = self.dice.choice(links)
            kind = self.dice.choice(("reset", "end", "hole", "drip", "new ones reset"))
            self.faults[f"connection: {kind}"] += 1
            match kind:
                case "reset":
                    await link.reset()
                case "end":
                    await link.end()
                case "hole":
                    link.lost = True
                case "drip":
                    link.drip = 0.002
                case _:
                    self.proxy.manner = "reset"
                    await trio.sleep(0.2)
                    self.proxy.manner = "pass"

    async def _restart(self) -> None:
        """Restart it in every way; then let the last process live to the end."""
        ordeals = max(len(ORDEALS), min(24, int(self.seconds / 50)))
        pause = self.seconds * self.restarting / ordeals
        for number in range(ordeals):
            await trio.sleep(max(0.2, self.dice.uniform(0.5, 1.5) * pause - 1.0))
            async with self._busy:
                how = ORDEALS[number % len(ORDEALS)]
                self.faults[f"restart: {how}"] += 1
                await self._end(how)
                await self._start()

    async def _reload(self) -> None:
        """Reload it, with good files and bad ones, and signal whatever else there is."""
        while True:
            await trio.sleep(self.dice.uniform(0.5, 1.5) * min(5.0, self.seconds / 15))
            async with self._busy:
                kind = self.dice.choice(("good file", "bad file", "unknown key", "pause", "tree", "storm"))
                self.faults[f"signal: {kind}"] += 1
                await self._signal(kind)

    async def _signal(self, kind: str) -> None:
        match kind:
            case "good file":
                self._config.write_text(self._good.replace("How can I help?", f"How {self.dice.random()}?"))
                self.node.signal(signal.SIGHUP)
            case "bad file" | "unknown key":
                self._config.write_text("[server\n" if kind == "bad file" else f"{self._good}\n[colour]\nred = 1\n")
                self.node.signal(signal.SIGHUP)
                await trio.sleep(0.5)
                self._config.write_text(self._good)
                self.node.signal(signal.SIGHUP)
            case "pause":
                self.node.signal(signal.SIGUSR1)
                await trio.sleep(0.3)
                self.node.signal(signal.SIGUSR1)
            case "tree":
                self.node.signal(signal.SIGUSR2)
            case _:
                for _ in range(20):
                    self.node.signal(signal.SIGHUP)
        await trio.sleep(0.2)

    # The end of it

    async def _finish(self) -> None:
        """See that all comes to rest, and look at what is left."""
        self._config.write_text(self._good)
        await self._at_rest()
        self.after = await self._look()
        self.verdicts.append(await self._verify())
        await self._end("force")
        # The same process image with nothing behind it: what it costs before its first call of the day.
        await self._start()
        await self._at_rest()
        self.before = await self._look()
        await self._end("drain")
        self.verdicts.append(await self._verify())
        with closing(sqlite3.connect(self.node.folder / "ledger.db")) as ledger:
            self.receipts = dict(ledger.execute("SELECT call_id, outcome FROM calls"))
            self.owed = dict(ledger.execute("SELECT id, call_id FROM deliveries"))

    async def _at_rest(self) -> None:
        """Wait until no call is in progress and nothing is owed, and connections that were kept have gone."""
        calm = 0
        with trio.move_on_after(60):
            while calm < 3:
                await trio.sleep(0.5)
                sample = await self._look()
                calm = calm + 1 if sample is not None and not sample.calls and not sample.debts else 0
        if calm < 3:
            self.troubles.append("calls or debts were left when everybody had gone for a minute")
        await trio.sleep(min(16.0, self.seconds / 4))

    async def _verify(self) -> tuple[int, str]:
        command = [sys.executable, "-m", "daemon", "ledger", "verify", "--config", str(self._config)]
        command += ["--set", f"ledger.url=sqlite:///{self.node.folder}/ledger.db"]
        done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, cwd=ROOT)
        return done.returncode, (done.stdout + done.stderr).decode()


async def soak(folder: Path, *, seconds: float, rate: float = 5.0, seed: int = 1, restarting: float = 0.5) -> Soak:
    """Run one."""
    run = Soak(folder, seconds=seconds, rate=rate, seed=seed, restarting=restarting)
    await run.run()
    return run
