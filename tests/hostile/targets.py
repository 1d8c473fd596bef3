"""What is attacked with bytes: each target takes any, and raises only what must not be.

The same functions replay the corpus in the default suite, are driven by Atheris (`make fuzz`), and by Hypothesis, which
knows better what nearly makes sense. A target is named for the boundary that it stands before.
"""

import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from daemon.config import load
from daemon.core import events as ev
from daemon.core.agent import Agent
from daemon.core.commands import HangUp, Remember, RunTool, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.frames import encode
from daemon.core.incoming import IncomingCall
from daemon.core.inputs import Input, Received, Started, ToolDone, Woken, apply
from daemon.core.scribe import Scribe
from daemon.core.sip import kept, phone_number
from daemon.errors import ConfigError, WebhookRefused
from daemon.platforms.xai.webhooks import read_webhook
from daemon.web.signature import SigningSecret, Verifier
from tests.configured import API_KEY
from tests.core.contract import complaints
from tests.core.test_anything import DESK
from tests.platforms.test_frames_filter import sifted
from tests.web.fakes import NOW, SECRET, sign

CORPUS = Path(__file__).parent.parent / "corpus"
MOST_COMMANDS = 400
"""That one input may bring about: the uses of a whole turn, and what is said about each."""
KEY = re.compile(r"[0-9A-D*#]")
REASONS = re.compile(r"[a-z_]{3,30}")


class Talk:
    """A call's conversation with its recording, as `calls/call.py` has them; whatever comes out is checked."""

    def __init__(self, agent: Agent = DESK, *, checked: bool = True) -> None:
        self.conversation = Conversation(agent, ready_timeout=10.0)
        self.entries = 0
        self.sent: list[str] = []
        self._checked = checked
        self._scribe = Scribe()
        self._running: list[str] = []
        self._now = 0.0
        self.feed(Started(), 0.0)

    def frame(self, frame: str | bytes, now: float) -> None:
        """What the platform says, after everything that was waited for until then."""
        self.pass_time(now)
        self.feed(Received(event=ev.decode(frame)), now)

    def pass_time(self, now: float) -> None:
        """Let time go by; tools are done when the timer wakes."""
        for _ in range(200):
            if self.conversation.deadline >= now:
                return
            at = max(self.conversation.deadline, self._now)
            self.feed(Woken(), at)
            assert self.conversation.deadline > at, "the timer would spin"
            while self._running:
                self.feed(ToolDone(use_id=self._running.pop(), output="{}"), at)
        raise AssertionError("it is woken again and again")

    def feed(self, given: Input, now: float) -> None:
        """One input."""
        assert now >= self._now
        self._now, over = now, self.conversation.ended
        commands = apply(self.conversation, given, now)
        assert len(commands) <= MOST_COMMANDS
        assert not (over and commands)
        if self._checked:
            fed = self._scribe.fed(given, commands, now, self.conversation.deadline, hides_keys=True, end_key="#")
            msgspec.json.decode(msgspec.json.encode(fed))
        for command in commands:
            match command:
                case SendFrame(frame):
                    text = encode(frame)
                    assert not self._checked or complaints(text) == []
                    self.sent.append(text)
                case Remember(entry):
                    msgspec.json.encode(entry)
                    self.entries += 1
                case RunTool(use):
                    self._running.append(use.id)
                case HangUp(reasons):
                    assert all(isinstance(reason, str) for reason in reasons)
        assert self.conversation.ended == (self.conversation.deadline == math.inf)


def frames(data: bytes) -> None:
    """The platform's frames, one a line."""
    talk = Talk()
    for number, line in enumerate(data.split(b"\n")[:100]):
        talk.frame(line, 1.0 + number * 0.7)
        talk.frame(line.decode("utf-8", "replace"), 1.1 + number * 0.7)
    talk.pass_time(5000.0)


def keys(data: bytes) -> None:
    """Keys, pauses, speech and requests for keys: a byte each."""
    talk, now = Talk(), 1.0
    asked = 0
    for byte in data[:500]:
        now += (0.0, 0.1, 2.5, 30.0)[byte >> 6]
        match byte & 0x3F:
            case key if key < 24:
                frame = {
                    "type": "input_audio_buffer.dtmf_event_received",
                    "event": "0123456789*#ABCDae \u0661\n\0é,"[key],
                }
            case 24:
                frame = {"type": "input_audio_buffer.speech_started"}
            case 25:
                frame = {"type": "input_audio_buffer.speech_stopped"}
            case 26 | 27 as wish:
                asked += 1
                most = -1 if wish == 27 else 3
                arguments = msgspec.json.encode(
                    {"purpose": "x", "min_digits": 2, "max_digits": most, "retries": 9}
                ).decode()
                frame = {"type": "response.function_call_arguments.done", "name": "collect_digits"}
                frame |= {"call_id": f"use-{asked}", "arguments": arguments}
            case 28:
                frame = {"type": "response.done"}
            case other:
                frame = {"type": "input_audio_buffer.dtmf_event_received", "event": "9" * other}
        talk.frame(msgspec.json.encode(frame), now)
        assert len(talk.conversation.handset._buffer.digits) <= 32
    talk.pass_time(now + 5000.0)


def delivery(data: bytes) -> None:
    """A delivery whose sender knows the secret or not: id, time and signature a line each, then the body.

    With `signed` in the place of the signature, it is.
    """
    webhook_id, stamp, signature, body = [*data.split(b"\n", 3), b"", b"", b"", b""][:4]
    texts = [part.decode("latin-1") for part in (webhook_id, stamp, signature)]
    headers = list(zip(("webhook-id", "webhook-timestamp", "webhook-signature"), texts, strict=True))
    if signature == b"signed":
        headers = list(sign(body, webhook_id="msg_1").items())
    verifier = Verifier([SigningSecret(value=SECRET)], wall=lambda: float(NOW))
    try:
        verified = verifier.verify(headers, body)
        incoming = read_webhook(body, verified.webhook_id, 1.0, frozenset({"x-customer", "diversion"}))
    except WebhookRefused as refused:
        _check_refusal(refused)
    else:
        if incoming is not None:
            _check_incoming(incoming)


def _check_refusal(refused: WebhookRefused) -> None:
    assert refused.status in (400, 401)
    assert REASONS.fullmatch(refused.reason)
    assert len(refused.answer) < 100


def _check_incoming(incoming: IncomingCall) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", incoming.call_id)
    for number in (incoming.called, incoming.caller, *(header.number for header in incoming.headers)):
        assert number is None or re.fullmatch(r"\+[0-9]{3,15}", number, re.ASCII)
    assert len(incoming.headers) <= 2
    assert len(msgspec.json.encode(incoming)) < 2000


def header(data: bytes) -> None:
    """The value of a SIP header."""
    text = data.decode("utf-8", "surrogateescape")
    number = phone_number(text)
    assert number is None or re.fullmatch(r"\+[0-9]{3,15}", number, re.ASCII)
    (found,) = kept([("X-A", text)], {"x-a"})
    assert len(found.text) <= 128
    assert re.fullmatch(r"[A-Za-z0-9+*#@/=_.,:; -]*", found.text)


def configuration(data: bytes) -> None:
    """A configuration file: it is one, or all that is wrong with it is said, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(data)
        try:
            load(file, env={"XAI_API_KEY": API_KEY}, secrets_of=())
        except ConfigError as error:
            for problem in error.problems:
                _check_problem(str(problem))


def settings(data: bytes) -> None:
    """What stands behind `--set`, one a line."""
    file = Path(__file__).parents[2] / "config.toml"
    try:
        load(file, data.decode("utf-8", "replace").split("\n")[:20], env={"XAI_API_KEY": API_KEY}, secrets_of=())
    except ConfigError as error:
        for problem in error.problems:
            _check_problem(str(problem))


def _check_problem(line: str) -> None:
    assert line
    assert line.isprintable(), repr(line)
    assert len(line) < 5000, len(line)


def sieve(data: bytes) -> None:
    """What comes over a call's socket after the handshake, in pieces as long as each first byte says."""
    pieces = []
    while data:
        size = data[0] + 1
        pieces.append(data[1 : 1 + size])
        data = data[1 + size :]
    # Not against wsproto, which looks into audio and may not like what it finds.
    passed, sieve = sifted(pieces)
    at_once, same = sifted([b"".join(pieces)])
    assert passed == at_once
    assert sieve.dropped == same.dropped


TARGETS: dict[str, Callable[[bytes], None]] = {
    "configuration": configuration,
    "delivery": delivery,
    "frames": frames,
    "header": header,
    "keys": keys,
    "settings": settings,
    "sieve": sieve,
}
