"""Recordings end to end: a daemon on real sockets writes one, and it plays again."""

from pathlib import Path

import msgspec
import trio

from daemon.config import Agent, Config, Drain, Recording
from daemon.sandbox.script import Leave, Reply, Say, Script
from tests.configured import configuration
from tests.live import kill, live_daemon
from tests.recorded import differing

TALK = Script(
    steps=(Say("where is my order"), Leave()), replies=(Reply("It is on its way to you."),), seconds_per_word=0.01
)


def configured(folder: Path) -> Config:
    agent = Agent(instructions="Help. It is {{ time }}.", greeting="Welcome.")
    config = configuration(agent=agent, drain=Drain(deadline=5.0, lame_duck=0.0))
    return msgspec.structs.replace(config, recording=Recording(directory=str(folder / "recordings")))


async def test_what_a_daemon_recorded_plays_again(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with live_daemon(config, tmp_path) as live:
        call = await live.ring(TALK)
        with trio.fail_after(10):
            await call.over.wait()
        kill()
        assert await live.exit_code() == 0
    text = (tmp_path / "recordings" / f"{call.id}.jsonl").read_bytes()
    assert b'"line":"closed"' in text.splitlines()[-1]
    # The time in the instructions is that of the call, and not that of today.
    assert differing(text, config) == []
    brief = msgspec.structs.replace(config, agents={"support": Agent(instructions="Help.", greeting="Hello.")})
    assert [found.kind for found in differing(text, brief)] == ["changed", "changed"]
