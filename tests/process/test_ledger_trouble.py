"""A ledger in trouble under a running daemon: what was acknowledged is kept, and it comes back without a restart."""

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from daemon.ledger.journal import DELAY
from daemon.observe.clock import system_clock
from daemon.sandbox.script import Script
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.process.nodes import Node, ending, present, until

pytestmark = pytest.mark.exhaustive

STAYS = Script(seconds_per_word=0.01)
_DISK = "2m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk to fill")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is free."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        for block in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * block) == block:
                    pass
    yield
    ballast.unlink()


@contextmanager
def locked(disk: Path) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(disk / "ledger.db", isolation_level=None)) as ledger:
        ledger.execute("BEGIN EXCLUSIVE")
        yield
        ledger.execute("ROLLBACK")


@contextmanager
def corrupt(disk: Path) -> Iterator[None]:
    """Somebody has written into the file."""
    size = (disk / "ledger.db").stat().st_size
    with (disk / "ledger.db").open("r+b") as file:
        file.write(b"no database " * (size // 12))
    with (disk / "ledger.db-wal").open("r+b") as file:
        file.write(b"\0" * (disk / "ledger.db-wal").stat().st_size)
    yield


TROUBLE = {"full": full, "locked": locked, "corrupt": corrupt}


class Scene:
    """One daemon, its callers and its disk."""

    def __init__(self, node: Node, board: Switchboard, client: httpx.AsyncClient, disk: Path) -> None:
        self.node, self.board, self.client, self.disk = node, board, client, disk

    async def ring(self) -> tuple[SandboxCall, int]:
        """Let somebody dial; gives the answer to the webhook."""
        call = self.board.place(STAYS)
        return call, await self.announce(call)

    async def announce(self, call: SandboxCall) -> int:
        answer = await announce(self.client, self.node.url, call, secret=SIGNING_SECRET, at=system_clock())
        return answer.status_code

    def left(self, call: SandboxCall) -> bool:
        """Whether the ledger has the receipt of a caller who left."""
        try:
            with closing(sqlite3.connect(f"file:{self.disk}/ledger.db?mode=ro", uri=True)) as ledger:
                row = ledger.execute("SELECT outcome FROM calls WHERE call_id = ?", (call.id,)).fetchone()
        except sqlite3.Error:
            return False
        return bool(row == ("caller_left",))


# A corrupt file that may not be moved away is the next test's.
CASES = [
    (trouble, way) for trouble in TROUBLE for way in ("degrade", "refuse") if (trouble, way) != ("corrupt", "refuse")
]


@pytest.mark.parametrize(("trouble", "on_failure"), CASES)
async def test_trouble(disk: Path, tmp_path: Path, trouble: str, on_failure: str) -> None:
    board = Switchboard(API_KEY)
    settings = (f"ledger.url=sqlite:///{disk}/ledger.db", f"ledger.directory={disk}", f"ledger.on_failure={on_failure}")
    async with open_sandbox(board) as address, httpx.AsyncClient(trust_env=False, timeout=30) as client:
        node = Node(tmp_path, address, settings=settings)
        scene = Scene(node, board, client, disk)
        async with ending(node):
            await node.start()
            leaves, stays = (await scene.ring())[0], (await scene.ring())[0]
            await until(lambda: present(leaves) and present(stays), 5, "both are answered")
            await trio.sleep(DELAY + 0.5)  # what is written of them is written
            with TROUBLE[trouble](disk):
                late, status = await scene.ring()
                if on_failure == "degrade":
                    assert status == 200
                    await until(lambda: present(late), 5, "answered without the ledger")
                else:
                    assert status == 503
                    assert not present(late)
                leaves.end("caller")
                await trio.sleep(1.0)
                assert present(stays)  # a ledger in trouble is no reason to hang up on anybody
            if on_failure == "refuse":
                for _ in range(100):
                    if await scene.announce(late) == 200:
                        break
                    await trio.sleep(0.1)
                await until(lambda: present(late), 5, "answered once the ledger is back")
            for call in (late, stays):
                call.end("caller")
            for call in (leaves, late, stays):
                await until(partial(scene.left, call), 15, "its receipt is in the ledger")
            assert await node.stop() == 0
    assert "ledger_down" in node.log
    assert "ledger_back" in node.log
    assert "Traceback" not in node.log


async def test_a_corrupt_file_is_not_touched_when_calls_may_be_refused(disk: Path, tmp_path: Path) -> None:
    board = Switchboard(API_KEY)
    settings = (f"ledger.url=sqlite:///{disk}/ledger.db", f"ledger.directory={disk}", "ledger.on_failure=refuse")
    async with open_sandbox(board) as address, httpx.AsyncClient(trust_env=False, timeout=30) as client:
        node = Node(tmp_path, address, settings=settings)
        scene = Scene(node, board, client, disk)
        async with ending(node):
            await node.start()
            call, _ = await scene.ring()
            await until(lambda: present(call), 5, "it is answered")
            await trio.sleep(DELAY + 0.5)
            with closing(sqlite3.connect(disk / "ledger.db")) as ledger:
                ledger.execute("VACUUM INTO ?", (str(disk / "backup.db"),))
            with corrupt(disk):
                late, status = await scene.ring()
                assert status == 503
                call.end("caller")
                await trio.sleep(1.0)
            for name in ("ledger.db-wal", "ledger.db-shm"):
                (disk / name).unlink(missing_ok=True)
            (disk / "backup.db").replace(disk / "ledger.db")
            await until(partial(scene.left, call), 15, "its receipt is in the restored ledger")
            assert await scene.announce(late) == 200
            assert await node.stop() == 0
    assert "the file is corrupt: move it away or restore a backup" in node.log
    assert "Traceback" not in node.log
