"""The daemon, as a process with a configuration file, between strangers.

The platform is not our sandbox, and the webhook is signed by svix, not by the library that the daemon verifies with.
"""

import datetime
import json
import subprocess
import sys
from pathlib import Path

import httpx
import trio
from svix.webhooks import Webhook

from daemon.sandbox.daemon_process import open_daemon
from tests.configured import API_KEY, CALLED, CALLER, SIGNING_SECRET

HERE = Path(__file__).parent
CONFIG = """
[platform.xai]
api_key = "${env:XAI_API_KEY}"
webhook_secrets = ["${credential:xai-webhook-secret}"]
[numbers."+18005550199"]
agent = "desk"
[agents.desk]
instructions = "You answer the phone."
greeting = "Desk."
[drain]
lame_duck = "0s"
"""


async def test_answers_a_foreign_platform_and_a_foreign_signature(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    command = [sys.executable, str(HERE / "foreign_platform.py")]
    platform = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert platform.stdout is not None
    lines = Lines(platform.stdout)
    try:
        ports = await lines.next()
        settings = (
            f"platform.xai.base_url=http://127.0.0.1:{ports['rest_port']}",
            f"platform.xai.websocket_url=ws://127.0.0.1:{ports['websocket_port']}/v1/realtime",
        )
        async with open_daemon(
            tmp_path / "config.toml", settings=settings, secret=SIGNING_SECRET, api_key=API_KEY
        ) as daemon:
            await announce(daemon.webhook_url)
            joined = await lines.next()
            assert joined == {"joined": "/v1/realtime?call_id=foreign-call-1", "authorization": f"Bearer {API_KEY}"}
            update, greeting = [(await lines.next())["frame"] for _ in range(2)]
            assert update["session"]["instructions"] == "You answer the phone."  # type: ignore[index]
            assert update["session"]["turn_detection"] == {"type": "server_vad"}  # type: ignore[index]
            assert greeting["item"]["content"][0]["text"] == "Desk."  # type: ignore[index]
            assert await lines.next() == {
                "rest": "/v1/realtime/calls/foreign-call-1/hangup",
                "authorization": f"Bearer {API_KEY}",
            }
            assert await lines.next() == {"closed": 1000}
            assert await daemon.stop() == 0
    finally:
        platform.kill()
        with trio.move_on_after(5, shield=True):
            await platform.wait()


async def announce(url: str) -> None:
    event = {
        "object": "event",
        "id": "evt_1",
        "type": "realtime.call.incoming",
        "created_at": int(datetime.datetime.now(datetime.UTC).timestamp()),
        "data": {
            "call_id": "foreign-call-1",
            "sip_headers": [{"name": "From", "value": CALLER}, {"name": "To", "value": CALLED}],
        },
    }
    body = json.dumps(event)
    now = datetime.datetime.now(datetime.UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SIGNING_SECRET).sign("msg_1", now, body),
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{url}/xai/sip-webhook", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"result": "claimed"})


class Lines:
    """Lines of JSON from a process."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._rest = b""

    async def next(self) -> dict[str, object]:
        with trio.fail_after(20):
            while b"\n" not in self._rest:
                self._rest += await self._stream.receive_some()
        line, self._rest = self._rest.split(b"\n", 1)
        fact: dict[str, object] = json.loads(line)
        return fact
