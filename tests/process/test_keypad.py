"""A card number from the caller's keys to the one request it is for, on real sockets: and nowhere else."""

import io
import json
from pathlib import Path

import msgspec
import pytest
import trio

from daemon.config import Agent, Config, Drain, HttpTool, Keypad
from daemon.config.parameters import parameters
from daemon.observe import log
from daemon.sandbox.script import Leave, Press, Reply, Say, Script, Wait
from tests.configured import configuration
from tests.live import kill, live_daemon
from tests.tools.server import open_server, says

CARD = "0929123456781234"
"""It begins with a key of the menu, which does not count while digits are collected."""
ASK = Reply("Type it.", tool="collect_digits", arguments=json.dumps({"purpose": "card", "sensitive": True}))
PAID = Reply("Paid.")


def configured(port: int) -> Config:
    tool = HttpTool(
        description="Takes a payment.",
        url=f"http://127.0.0.1:{port}/pay",
        method="POST",
        parameters=parameters({"card": "keypad"}),
        allow_private=("127.0.0.1",),
    )
    agent = Agent(
        instructions="Help.",
        tools=("hang_up", "collect_digits", "pay"),
        keypad=Keypad(idle_timeout=0.5, menu={"0": "hang_up"}),
    )
    config = configuration(agent=agent, drain=Drain(deadline=5.0, lame_duck=0.0))
    return msgspec.structs.replace(config, tools={"pay": tool})


@pytest.mark.parametrize("card", ["entry-1", CARD], ids=["reference", "digits the model heard"])
async def test_a_card_number_reaches_its_tool_and_nobody_else(tmp_path: Path, card: str) -> None:
    pay = Reply(tool="pay", arguments=json.dumps({"card": card}))
    script = Script(
        steps=(Say("pay"), Press(f"{CARD}#", gap=0.01), Wait(0.5), Leave()),
        replies=(ASK, pay, PAID),
        seconds_per_word=0.01,
    )
    logged = io.StringIO()
    echo = json.dumps({"ok": True, "card": CARD, "said": f"charged {CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}"})
    async with open_server(says(200, echo)) as server, live_daemon(configured(server.port), tmp_path) as live:
        log.set_up(level="debug", json=True, stream=logged)
        call = await live.ring(script)
        with trio.fail_after(10):
            await call.over.wait()
        kill()
        assert await live.exit_code() == 0
    assert [json.loads(asked.body) for asked in server.asked] == [{"card": CARD}]
    assert call.session is not None
    items = [frame["item"] for frame in call.session.heard if frame["type"] == "conversation.item.create"]
    outputs = [json.loads(item["output"]) for item in items if "output" in item]
    said = "charged entry-1"
    assert outputs == [{"entry": "entry-1", "digits": 16}, {"ok": True, "card": "entry-1", "said": said}]
    kept = [json.dumps(call.session.heard), logged.getvalue()]
    kept += [file.read_bytes().decode(errors="replace") for file in _files(tmp_path)]
    for text in kept:
        assert CARD not in text
        assert CARD[:8] not in text
    counted = [record["entry"] for record in live.records() if record["entry"]["kind"] == "DigitsCollected"]
    assert {"kind": "DigitsCollected", "digits": None, "count": 16, "trigger": "terminator"} in counted


def _files(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"journal", "ledger.db"} <= {path.name for path in files}
    return files
