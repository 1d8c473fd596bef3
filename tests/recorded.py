"""Calls that are recorded in memory, to be played again."""

from pathlib import Path

from daemon.calls.roles import roles_in
from daemon.config import Config
from daemon.core.recording import Line, encode_line
from daemon.observe.recorder import Recorder, Recording
from daemon.replay.difference import Difference, compare, differences
from daemon.replay.play import acts_of, play
from daemon.replay.recordings import parse


class MemoryRecorder(Recorder):
    """Keeps the text of each recording."""

    def __init__(self) -> None:
        super().__init__(Path(), keep=0)
        self.texts: dict[str, bytes] = {}

    def take(self, recording: Recording, line: Line) -> None:
        self.texts[recording.call_id] = self.texts.get(recording.call_id, b"") + encode_line(line)


def differing(text: bytes, config: Config) -> list[Difference]:
    """What the agents of a configuration would do differently in a recorded call."""
    found: list[Difference] = []
    for take in parse(text, "recording"):
        role = roles_in(config)[take.opened.agent]
        now = play(take, role, ready_timeout=config.platform.xai.ready_timeout)
        found += differences(compare(acts_of(take), now))
    return found
