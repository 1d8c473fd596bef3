"""The filter against wsproto: with it and without it, the same messages come out, audio aside."""

import itertools
import json
import os
import struct
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.connection import CLIENT, Connection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from daemon.core.events import is_audio
from daemon.platforms.xai.frames_filter import MOST_HELD, MOST_PIECES, AudioFilter

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
MAX_MESSAGE = 4 * 1024 * 1024
MIB = 1024 * 1024

thoroughly = settings(max_examples=2000 if "CALLWARDEN_EXHAUSTIVE" in os.environ else 40, deadline=None)
Seen = list[tuple[str, object]]


def frame(
    opcode: int, payload: bytes, *, final: bool = True, bits: int = 0, masked: bool = False, length: int = 0
) -> bytes:
    """One frame; `length` is how many bytes more than needed its length takes."""
    size = len(payload)
    form = max(0 if size < 126 else 1 if size < 65536 else 2, min(length, 2))
    first = (final << 7) | bits << 4 | opcode
    second = (masked << 7) | (size if form == 0 else 125 + form)
    return (
        bytes([first, second])
        + struct.pack(("!", "!H", "!Q")[form], *[size][: min(form, 1)])
        + (b"\0\0\0\0" if masked else b"")
        + payload
    )


def audio(size: int = 40, **fields: object) -> bytes:
    return json.dumps({"event_id": "e1", **fields, "type": "response.output_audio.delta", "delta": "A" * size}).encode()


def words(text: str = "hello", kind: str = "response.output_audio_transcript.delta") -> bytes:
    return json.dumps({"event_id": "e2", "type": kind, "delta": text}).encode()


class Reader:
    """Reads as trio-websocket does: whole messages, and what ends them."""

    def __init__(self) -> None:
        self.seen: Seen = []
        self._wire = Connection(CLIENT)
        self._texts: list[str] = []
        self._bytes: list[bytes] = []
        self._broken = False

    def read(self, data: bytes) -> None:
        if self._broken or self._wire.state.name != "OPEN":
            return
        try:
            self._wire.receive_data(data)
            for event in self._wire.events():
                self._take(event)
        except RemoteProtocolError:
            self._broken = True
            self.seen.append(("broken", None))

    def _take(self, event: Event) -> None:
        match event:
            case TextMessage(data=data):
                self._texts.append(data)
                if event.message_finished:
                    whole = "".join(self._texts)
                    self._texts = []
                    if not is_audio(whole):
                        self.seen.append(("message", whole))
            case BytesMessage(data=piece):
                self._bytes.append(bytes(piece))
                if event.message_finished:
                    self.seen.append(("message", b"".join(self._bytes)))
                    self._bytes = []
            case Ping() | Pong():
                self.seen.append((type(event).__name__, bytes(event.payload)))
            case CloseConnection(code=code, reason=reason):
                if self._wire.state.name == "OPEN":  # nobody said goodbye: it is wsproto that will not go on
                    # Of two violations close together it names the one or the other, by how the bytes were cut.
                    self._broken = True
                    self.seen.append(("broken", None))
                else:
                    self.seen.append(("close", (int(code), reason)))


def sifted(chunks: Iterable[bytes], *, max_message: int = MAX_MESSAGE) -> tuple[bytes, AudioFilter]:
    sieve = AudioFilter(max_message)
    assert sieve.feed(SWITCHING) == SWITCHING
    passed = b""
    for chunk in chunks:
        passed += sieve.feed(chunk)
        assert len(sieve._held) < MOST_HELD
    return passed + sieve.end(), sieve


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut at places, each taken as a fraction of 1000."""
    edges = [0, *sorted(place * len(data) // 1000 for place in places), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


def compare(chunks: Sequence[bytes]) -> AudioFilter:
    """Read the same with the filter and without it: the same is seen, and at the same time."""
    sieve, plain, behind = AudioFilter(MAX_MESSAGE), Reader(), Reader()
    sieve.feed(SWITCHING)
    for chunk in chunks:
        plain.read(chunk)
        behind.read(sieve.feed(chunk))
        early = plain.seen[: len(behind.seen)]
        assert behind.seen == early
        # A violation may be noticed some bytes later; whatever is whole, a ping above all, may not.
        assert [kind for kind, _ in plain.seen[len(behind.seen) :]] in ([], ["broken"])
    behind.read(sieve.end())
    assert behind.seen == plain.seen
    return sieve


# What is dropped


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
@pytest.mark.parametrize("size", [0, 60, 125, 126, 300, 65_535, 65_536, 200_000])
def test_audio_is_dropped_and_counted(kind: str, size: int) -> None:
    body = json.dumps({"type": kind, "delta": ""}).encode()
    body = body.replace(b'""', b'"' + b"A" * max(0, size - len(body)) + b'"')
    around = [frame(TEXT, words("before")), frame(PING, b"?"), frame(TEXT, words("after"))]
    wire = around[0] + frame(TEXT, body) + around[1] + frame(TEXT, body) * 2 + around[2]
    passed, sieve = sifted([wire])
    assert passed == b"".join(around)
    assert sieve.dropped == 3


def test_everything_else_passes_bit_for_bit() -> None:
    wire = b"".join(
        [
            frame(TEXT, words("é" * 100)),
            frame(BINARY, audio()),
            frame(TEXT, b""),
            frame(TEXT, words(kind="response.output_audio.done")),
            frame(TEXT, audio(), final=False) + frame(PING, b"in between") + frame(CONTINUED, audio()),
            frame(TEXT, audio(), bits=4),
            frame(TEXT, audio(), masked=True),
            frame(TEXT, audio(10), length=1),
            frame(TEXT, audio(1000), length=2),
            frame(CLOSE, b"\x03\xe8bye"),
        ]
    )
    passed, sieve = sifted([wire])
    assert passed == wire
    assert sieve.dropped == 0


def test_a_length_that_no_frame_may_have() -> None:
    wire = b"\x81\x7f" + b"\xff" * 8 + audio()
    passed, sieve = sifted([wire])
    assert passed == wire
    assert sieve.dropped == 0


def test_a_whole_text_inside_a_fragmented_message_is_a_violation_and_not_hidden() -> None:
    wire = frame(TEXT, b"{", final=False) + frame(TEXT, audio()) + frame(CONTINUED, b"}")
    passed, _ = sifted([wire])
    assert passed == wire


def test_after_a_fragmented_message_audio_is_dropped_again() -> None:
    message = frame(BINARY, b"ab", final=False) + frame(CONTINUED, b"c", final=False) + frame(CONTINUED, b"")
    passed, sieve = sifted([message + frame(TEXT, audio())])
    assert passed == message
    assert sieve.dropped == 1


def test_a_message_in_pieces_without_an_end_ends_it_all() -> None:
    """Found by F29 of the fault matrix: the reader counts bytes, and keeps every empty piece."""
    begin, piece = b"\x01\x01x", b"\x00\x00"
    just, sieve = sifted([begin, piece * (MOST_PIECES - 1), b"\x80\x00"])
    assert not sieve.endless
    assert just.endswith(b"\x80\x00")
    _, sieve = sifted([begin, piece * MOST_PIECES])
    assert sieve.endless
    assert [sieve.feed(data) for data in (b"\x80\x00", words(), piece)] == [b"", b"", b""]


def test_audio_that_is_larger_than_a_message_may_be_is_left_to_the_reader() -> None:
    small, large = frame(TEXT, audio(900)), frame(TEXT, audio(1100))
    passed, sieve = sifted([small + large + small], max_message=1000)
    assert passed == large
    assert sieve.dropped == 2


def test_what_follows_the_beginning_of_audio_is_not_looked_at() -> None:
    passed, _ = sifted([frame(TEXT, audio().replace(b"AAAA", b"\xff\xff\xff\xff"))])
    assert passed == b""


# The handshake


class Server:
    """Answers one handshake; gives its bytes."""

    def __init__(self) -> None:
        self.client = WSConnection(ConnectionType.CLIENT)
        self.server = WSConnection(ConnectionType.SERVER)
        self.server.receive_data(self.client.send(Request(host="voice.test", target="/")))
        assert [type(event) for event in self.server.events()] == [Request]

    def seen(self, chunks: Iterable[bytes]) -> list[Event]:
        events: list[Event] = []
        for chunk in chunks:
            if chunk:
                self.client.receive_data(chunk)
                events += self.client.events()
        return events


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_frames_begin_where_the_answer_to_the_handshake_ends(step: int) -> None:
    server = Server()
    wire = server.server.send(AcceptConnection()) + frame(TEXT, audio()) + frame(TEXT, b"hi") + frame(TEXT, audio())
    sieve = AudioFilter(MAX_MESSAGE)
    passed = [sieve.feed(wire[at : at + step]) for at in range(0, len(wire), step)]
    accepted, message = server.seen(passed)
    assert isinstance(accepted, AcceptConnection)
    assert message == TextMessage("hi")
    assert sieve.dropped == 2


@pytest.mark.parametrize("step", [1, 1000])
def test_a_refusal_passes_whatever_it_says(step: int) -> None:
    server = Server()
    body = frame(TEXT, audio()) + b"\r\n\r\n" + frame(TEXT, audio())
    wire = server.server.send(RejectConnection(status_code=404, headers=[], has_body=True))
    wire += server.server.send(RejectData(data=body))
    sieve = AudioFilter(MAX_MESSAGE)
    assert b"".join(sieve.feed(wire[at : at + step]) for at in range(0, len(wire), step)) == wire
    assert sieve.dropped == 0


def test_a_head_without_an_end_is_not_kept() -> None:
    sieve = AudioFilter(MAX_MESSAGE)
    for _ in range(100):
        assert sieve.feed(b"x" * 1000) == b"x" * 1000
    assert sieve.feed(SWITCHING + frame(TEXT, audio())) == SWITCHING + frame(TEXT, audio())
    assert sieve._head is None


def test_lines_may_end_as_h11_lets_them() -> None:
    sieve = AudioFilter(MAX_MESSAGE)
    head = b"HTTP/1.1 101 \nUpgrade: websocket\n\n"
    assert sieve.feed(head + frame(TEXT, audio())) == head
    assert sieve.dropped == 1


# Held back


def test_audio_is_discarded_while_it_comes_in() -> None:
    sieve = AudioFilter(MAX_MESSAGE)
    sieve.feed(SWITCHING)
    wire = frame(TEXT, audio(3 * MIB))
    for at in range(0, len(wire), 4096):
        assert sieve.feed(wire[at : at + 4096]) == b""
        assert len(sieve._held) < MOST_HELD
        assert sieve.dropped == 1
    assert sieve.feed(frame(PING, b"?")) == frame(PING, b"?")


def test_a_large_message_passes_while_it_comes_in() -> None:
    sieve = AudioFilter(MAX_MESSAGE)
    sieve.feed(SWITCHING)
    wire = frame(TEXT, words("x" * MIB))
    assert sieve.feed(wire[:100]) == b""
    assert sieve.feed(wire[100:1000]) == wire[:1000]
    assert sieve.feed(wire[1000:]) == wire[1000:]


def test_a_control_frame_waits_for_nothing_but_itself() -> None:
    sieve = AudioFilter(MAX_MESSAGE)
    sieve.feed(SWITCHING)
    ping = frame(PING, b"are you there")
    assert sieve.feed(frame(TEXT, audio())[:-1]) == b""
    got = sieve.feed(frame(TEXT, audio())[-1:])
    for at in range(len(ping)):
        got += sieve.feed(ping[at : at + 1])
    assert got == ping


# Against wsproto

WIRE = b"".join(
    [
        frame(TEXT, words("one")),
        frame(TEXT, audio(100)),
        frame(PING, b"?"),
        frame(TEXT, audio(3)),
        frame(TEXT, words("two"), final=False) + frame(PONG, b"!") + frame(CONTINUED, b" ", final=False),
        frame(CONTINUED, words("three")),
        frame(TEXT, audio(200, item_id="é")),
        frame(BINARY, b"\0" * 200),
        frame(TEXT, words("é" * 90)),
        frame(TEXT, audio(1)),
        frame(CLOSE, b"\x03\xe8over"),
    ]
)


def test_every_cut() -> None:
    for place in range(1, len(WIRE)):
        assert compare([WIRE[:place], WIRE[place:]]).dropped == 4


def test_byte_by_byte() -> None:
    assert compare([WIRE[at : at + 1] for at in range(len(WIRE))]).dropped == 4


def test_truncated_at_every_byte() -> None:
    for length in range(len(WIRE)):
        compare([WIRE[:length]])


@pytest.mark.parametrize(("megabytes", "step"), [(1, 1000), (1, 65_536), (3, 65_536), (5, 65_536), (10, 65_536)])
def test_large_frames(megabytes: int, step: int) -> None:
    wire = b"".join(
        [frame(TEXT, audio(megabytes * MIB)), frame(PING, b"?"), frame(TEXT, words("x" * megabytes * MIB))],
    )
    sieve = compare([wire[at : at + step] for at in range(0, len(wire), step)])
    assert sieve.dropped == (megabytes < 4)


payloads = st.one_of(
    st.builds(audio, st.integers(0, 400)),
    st.builds(audio, st.integers(0, 400), item_id=st.text(max_size=40)),
    st.builds(audio, st.sampled_from([65_000, 66_000])),
    st.builds(words, st.text(max_size=200)),
    st.builds(words, st.just("w"), st.sampled_from(["response.audio.deltas", "response.audio.done", "ping"])),
    st.binary(max_size=300),
    st.text(max_size=100).map(str.encode),
)
controls = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125))


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    """A message in pieces, with control frames between them."""
    whole = draw(payloads)
    pieces = cut(whole, draw(st.lists(st.integers(0, 1000), max_size=4)))
    wire = b""
    for number, piece in enumerate(pieces):
        opcode = CONTINUED if number else draw(st.sampled_from([TEXT, BINARY]))
        wire += frame(opcode, piece, final=number == len(pieces) - 1)
        wire += draw(st.one_of(st.just(b""), controls))
    return wire


lawful = st.one_of(
    st.builds(frame, st.just(TEXT), payloads),
    st.builds(frame, st.just(TEXT), payloads),
    st.builds(frame, st.just(BINARY), payloads),
    controls,
    fragmented(),
)
unlawful = st.builds(
    frame,
    st.integers(0, 15),
    payloads,
    final=st.booleans(),
    bits=st.integers(0, 7),
    masked=st.booleans(),
    length=st.integers(0, 2),
)
endings = st.one_of(st.just(b""), st.just(frame(CLOSE, b"\x03\xe9away")), st.binary(max_size=50))
cuts = st.lists(st.integers(0, 1000), max_size=12)


@thoroughly
@given(st.lists(lawful, max_size=8), endings, cuts)
def test_lawful_frames_in_any_pieces(frames: list[bytes], ending: bytes, places: list[int]) -> None:
    compare(cut(b"".join(frames) + ending, places))


@thoroughly
@given(st.lists(st.one_of(lawful, unlawful), max_size=8), endings, cuts)
def test_unlawful_frames_too(frames: list[bytes], ending: bytes, places: list[int]) -> None:
    compare(cut(b"".join(frames) + ending, places))


@thoroughly
@given(st.lists(st.one_of(lawful, unlawful), max_size=6), endings, cuts, st.integers(0, 1000))
def test_truncated_anywhere(frames: list[bytes], ending: bytes, places: list[int], kept: int) -> None:
    wire = b"".join(frames) + ending
    compare(cut(wire[: kept * len(wire) // 1000], places))


@thoroughly
@given(st.lists(st.one_of(lawful, unlawful), max_size=6), cuts)
def test_how_it_is_cut_makes_no_difference(frames: list[bytes], places: list[int]) -> None:
    wire = b"".join(frames)
    passed, sieve = sifted(cut(wire, places))
    at_once, same = sifted([wire])
    assert passed == at_once
    assert sieve.dropped == same.dropped


@thoroughly
@given(st.lists(st.tuples(lawful, st.booleans()), max_size=8), cuts)
def test_what_passes_is_the_rest(frames: list[tuple[bytes, bool]], places: list[int]) -> None:
    """Audio put between lawful messages is all that is gone."""
    sound = frame(TEXT, audio(123))
    without = b"".join(wire for wire, _ in frames)
    passed, sieve = sifted(cut(b"".join(wire + sound * noisy for wire, noisy in frames), places))
    expected, quiet = sifted([without])
    assert passed == expected
    assert sieve.dropped == quiet.dropped + sum(noisy for _, noisy in frames)
