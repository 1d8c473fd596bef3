"""Plays a script against a client of the test's own, in virtual time."""

import json
from collections.abc import Mapping
from typing import Any

import trio

from daemon.sandbox.script import Script
from daemon.sandbox.session import Session

UPDATE = {
    "type": "session.update",
    "session": {
        "voice": "eve",
        "turn_detection": {"type": "server_vad"},
        "audio": {"input": {"transcription": {"model": "grok-transcribe"}}},
    },
}


class Played:
    """A session with all that it sent."""

    def __init__(self, script: Script) -> None:
        self.sent: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.session = Session("5a9d0000-x", script, self._send)

    async def _send(self, text: str) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(json.loads(text))
        self.times.append(trio.current_time())

    async def say(self, *frames: Mapping[str, object]) -> None:
        """Send frames as the client."""
        for frame in frames:
            await self.session.hear(json.dumps(frame))

    def types(self) -> list[str]:
        """The types of all frames, in order."""
        return [frame["type"] for frame in self.sent]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The frames of one type."""
        return [frame for frame in self.sent if frame["type"] == kind]
