"""Who is measured: the product as it is shipped, and its peers, each started the way it is meant to be."""

import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.platform import Platform
from benchmarks.process import ROOT, Measured, share_cores
from benchmarks.wire import API_KEY, SECRET

PRODUCT, FLOOR = "callwarden", "floor"
_MAX_CALLS = 5000


@dataclass(frozen=True)
class Subject:
    """Something that answers calls."""

    name: str
    what: str
    module: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    """Of the product."""

    def start(self, platform: Platform, folder: Path, *, tls: Path | None = None) -> Measured:
        """Start it against a platform; with `tls`, a file with the authority to trust, over TLS."""
        door = platform.tls_door if tls else platform.door
        assert door is not None
        websocket = f"{'wss' if tls else 'ws'}://127.0.0.1:{door.port}/v1/realtime"
        rest = f"http://127.0.0.1:{platform.door.port}"
        folder.mkdir(parents=True, exist_ok=True)
        if self.module:
            command = [sys.executable, "-m", self.module]
            environment = {
                "BENCH_WEBSOCKET": websocket,
                "BENCH_SECRET": SECRET,
                "BENCH_API_KEY": API_KEY,
                "BENCH_COUNTED": str(folder / "counted"),
                "OPENAI_AGENTS_DISABLE_TRACING": "1",
                "PYTHONPATH": str(ROOT),
                **({"SSL_CERT_FILE": str(tls)} if tls else {}),
                **self.environment,
            }
            return Measured(command, environment, folder, cores=share_cores()[0])
        (folder / "xai-webhook-secret").write_text(SECRET)
        shipped = (
            'server.bind=["fd://{fd}"]',
            f"server.max_connections={_MAX_CALLS}",
            f"platform.xai.base_url={rest}",
            f"platform.xai.websocket_url={websocket}",
            *((f"platform.xai.ca_file={tls}",) if tls else ()),
            f"limits.max_calls={_MAX_CALLS}",
            # The load falls silent while others are measured; no agent is to apologise for that, and hang up.
            "agents.support.reply_timeout=0s",
            "agents.support.silence_timeout=0s",
            f"ledger.url=sqlite:///{folder}/ledger.db",
            f"operator.socket={folder}/control.sock",
            *self.settings,
        )
        command = [product_python(), "-m", "daemon", "run", "--config", str(ROOT / "config.toml")]
        command += [part for setting in shipped for part in ("--set", setting)]
        environment = {"CREDENTIALS_DIRECTORY": str(folder), "XAI_API_KEY": API_KEY, **self.environment}
        return Measured(command, environment, folder, cores=share_cores()[0])

    def counted(self, folder: Path) -> Counter[str]:
        """Events by type, in all calls that are over, once the process has ended."""
        if self.module:
            return Counter(json.loads((folder / "counted").read_text()))
        total: Counter[str] = Counter()
        with sqlite3.connect(folder / "ledger.db") as ledger:
            for (events,) in ledger.execute("SELECT events FROM calls WHERE events IS NOT NULL"):
                total.update(json.loads(events))
        return total


def product_python() -> str:
    """The interpreter of the product's own environment."""
    own = ROOT / ".venv" / "bin" / "python"
    return os.environ.get("BENCH_PRODUCT_PYTHON", str(own))


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(PRODUCT, "the product as shipped: ledger, metrics and logs on"),
        Subject("unfiltered", "the product with filter_audio = false", settings=("platform.xai.filter_audio=false",)),
        Subject("stock", "Quart-Trio, trio-websocket, json", "benchmarks.peers.stock_trio"),
        Subject(
            "websockets", "the guide's sample: asyncio, websockets, json; FastAPI, uvicorn", "benchmarks.peers.guide"
        ),
        Subject("uvloop", "the same on uvloop", "benchmarks.peers.guide", {"BENCH_UVLOOP": "1"}),
        Subject("aiohttp", "aiohttp on both sides, json", "benchmarks.peers.aiohttp_app"),
        Subject("agents", "openai-agents' pattern for SIP; FastAPI, uvicorn", "benchmarks.peers.agents_sip"),
        Subject(FLOOR, "Trio's sockets, nothing decoded", "benchmarks.peers.floor"),
    )
}
