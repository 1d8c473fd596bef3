"""Leaving audio out of a WebSocket's bytes before anybody decodes them: bytes in, the bytes of everything else out.

Nine bytes of ten that the platform sends are audio, which it plays to the caller itself. A client that decodes them
first and looks at them then spends most of its CPU on what it throws away.

Invariant: what comes out is what went in, bit for bit and in order, less whole frames that are one unfragmented,
unmasked text message, no larger than `max_message`, that begins as a piece of audio does; and nothing at all once a
message has come in more than `MOST_PIECES` frames. Hence the reader behind it
gets the very messages it would have got, control frames and violations of the protocol included, but for such pieces
of audio. What stands in one after its beginning is not looked at, so it may even be no UTF-8.

A frame is passed on as it comes in. Only the beginning of a frame, at most `MOST_HELD` bytes, is held until it is known
what it is; no frame comes in the middle of another one, so no ping or close ever waits behind it. Audio is discarded
as it comes in, however large it is, and never held.

Owned by one socket's stream. Imports core.events; no I/O, no Trio. Never raises, whatever the bytes are.
"""

import re

from daemon.core.events import AUDIO_WINDOW, is_audio_at

_HEADER = 10
MOST_HELD = _HEADER + AUDIO_WINDOW
"""Bytes."""
MOST_PIECES = 65_536
"""Frames of one message. The reader behind the filter counts bytes, so empty ones would cost it memory for ever."""
# The answer to the handshake comes first. Where it ends is where h11, which reads it, says.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_SWITCHING = re.compile(rb"HTTP/1\.[01] 101\s")
_LONGEST_HEAD = 65536

_WHOLE_TEXT = 0x81
_FINAL, _OPCODE, _CONTROL = 0x80, 0x0F, 0x08
_MASKED, _LENGTH = 0x80, 0x7F


class AudioFilter:
    """The bytes that one side of a WebSocket receives, handshake included, less audio."""

    def __init__(self, max_message: int) -> None:
        self.dropped = 0
        """Pieces of audio that were discarded, including one that is coming in."""
        self._max_message = max_message
        self._between = False
        """Whether the next byte begins a frame that may be audio; kept, because it is what is asked most often."""
        self._head: bytes | None = b""
        """What has come of the answer to the handshake, until it is whole."""
        self._open = False
        """Whether everything passes, because this is no WebSocket."""
        self._held = b""
        """The beginning of a frame that may be audio."""
        self._left = 0
        """Bytes to come of the present frame."""
        self._dropping = False
        """Whether the present frame is audio."""
        self._in_message = False
        """Whether a fragmented message is under way; then a text frame is a violation, and not for us to hide."""
        self._pieces = 0
        """Frames of it that have come."""

    @property
    def endless(self) -> bool:
        """Whether a message has come in so many pieces that it is none; nothing is to be read any more."""
        return self._pieces > MOST_PIECES

    @property
    def sifting(self) -> bool:
        """Whether what comes now are frames of a WebSocket."""
        return self._head is None and not self._open

    def feed(self, data: bytes) -> bytes:
        """Take what was received; gives what of it, and of what was held, is to be read now."""
        if self._between and self._is_one_piece(data):
            self.dropped += 1
            return b""
        if self._head is not None:
            return self._read_head(data)
        passed = data if self._open else self._sift(data)
        return b"" if self.endless else passed

    def _is_one_piece(self, data: bytes) -> bool:
        """Whether this is one whole piece of audio and nothing else, which is what comes nearly always."""
        size = len(data) - 4
        return (
            125 < size <= self._max_message
            and data[0] == _WHOLE_TEXT
            and data[1] == 126
            and (data[2] << 8) + data[3] == size
            and is_audio_at(data, 4, size + 4)
        )

    def end(self) -> bytes:
        """Take that nothing more will come; gives what was held."""
        held, self._held, self._open, self._between = self._held, b"", True, False
        return held

    def _read_head(self, data: bytes) -> bytes:
        before = len(self._head or b"")
        head = (self._head or b"") + data
        blank = _END_OF_HEAD.search(head)
        if blank is None:
            self._open = len(head) > _LONGEST_HEAD
            self._head = None if self._open else head
            return data
        self._head = None
        self._open = _SWITCHING.match(head) is None
        frames = blank.end() - before
        return data if self._open else data[:frames] + self._sift(data[frames:])

    def _sift(self, data: bytes) -> bytes:
        """Drop what is audio. `at` is where the next frame begins, `begin` what is not yet decided to be passed on."""
        if self._held:
            data, self._held = self._held + data, b""
        at, size = self._left, len(data)
        begin = at if self._dropping else 0
        passed = []
        while at < size:
            end = self._end_of_frame(data, at, size)
            if end == 0:
                self._held = data[at:]
                size = at
                break
            if self._dropping:
                self.dropped += 1
                if begin < at:
                    passed.append(data[begin:at])
                begin = end
            at = end
        self._left = at - size
        self._dropping = begin > size
        self._between = not (self._left or self._held or self._in_message)
        if begin == 0 and size == len(data):
            return data
        if begin < size:
            passed.append(data[begin:size])
        return b"".join(passed)

    def _end_of_frame(self, data: bytes, at: int, size: int) -> int:
        """Read the frame that begins at `at`: gives where it ends and sets `_dropping`; 0 if that can't be told yet."""
        self._dropping = False
        payload = at + 2
        if payload > size:
            return 0
        first, second = data[at], data[at + 1]
        length = second & _LENGTH
        shortest = 0
        if length > 125:
            payload, shortest = (at + 4, 126) if length == 126 else (at + 10, 65536)
            if payload > size:
                return 0
            length = int.from_bytes(data[at + 2 : payload], "big")
        if second & _MASKED:
            payload += 4
        elif first == _WHOLE_TEXT and not self._in_message and shortest <= length <= self._max_message:
            end = payload + length
            self._dropping = is_audio_at(data, payload, end)
            if not self._dropping and size < min(end, payload + AUDIO_WINDOW):
                return 0
            return end
        if not first & _CONTROL:
            self._in_message = not first & _FINAL
            self._pieces = self._pieces + 1 if self._in_message or self.endless else 0
        return payload + length
