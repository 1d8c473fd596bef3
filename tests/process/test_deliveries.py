"""What is owed to an endpoint survives the daemon that owed it: a real process, killed, and a real endpoint."""

from pathlib import Path

import httpx
import pytest
import trio
from standardwebhooks import Webhook

from daemon.sandbox.script import Say, Script
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from tests.configured import API_KEY, CALLER, SIGNING_SECRET
from tests.process.nodes import Node, Sender, ending, present, until
from tests.tools.server import Asked, open_server, says

pytestmark = pytest.mark.exhaustive


async def test_a_delivery_survives_a_crash(tmp_path: Path) -> None:
    board = Switchboard(API_KEY)
    up = False

    async def endpoint(stream: trio.abc.Stream, asked: Asked) -> None:
        await says(204 if up else 503)(stream, asked)

    async with (
        open_sandbox(board) as address,
        open_server(endpoint) as door,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        secret = tmp_path / "secret"
        secret.write_text(SIGNING_SECRET)
        hook = f'[{{url = "http://127.0.0.1:{door.port}/calls", secret = "${{file:{secret}}}"}}]'
        node = Node(tmp_path, address, settings=(f"deliveries={hook}",))
        async with ending(node):
            await node.start()
            call = board.place(Script(steps=(Say("Hello there."),), seconds_per_word=0.01))
            await Sender(client, lambda: node).send(call)
            await until(lambda: present(call), 5, "it is answered")
            await trio.sleep(0.8)
            call.end("caller")
            await until(lambda: bool(door.asked), 10, "it was tried")
            await node.kill()
            up = True
            await node.start()
            await until(lambda: len(door.asked) > 1, 90, "it was tried again, by the next daemon")
            assert await node.stop() == 0
    first, last = door.asked[0], door.asked[-1]
    assert last.headers["webhook-id"] == first.headers["webhook-id"]
    assert last.body == first.body
    told = Webhook(SIGNING_SECRET).verify(last.body, last.headers)
    assert told["type"] == "call.ended"
    assert (told["data"]["call_id"], told["data"]["caller"]) == (call.id, CALLER)
    assert told["data"]["outcome"] == "caller_left"
