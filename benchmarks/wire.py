"""The bytes of the platform's side: frames, the handshake, signed webhooks. Plain functions, standard library only."""

import base64
import hashlib
import hmac
import json
import struct

SECRET = "whsec_" + base64.b64encode(b"benchmark" * 3).decode()
API_KEY = "xai-benchmark"
CALLED = "+18005550199"
PATH = "/xai/sip-webhook"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


def frame(first: int, payload: bytes) -> bytes:
    """One frame of a server."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + struct.pack("!H", size) + payload
    return bytes((first, 127)) + struct.pack("!Q", size) + payload


def event(kind: str, **fields: object) -> bytes:
    """An event of the platform, as a frame."""
    return frame(TEXT, json.dumps({"event_id": "event_0123456789abcdef", "type": kind, **fields}).encode())


def split(data: bytearray) -> list[tuple[int, bytes]]:
    """Take whole frames of a client off the front, unmasked."""
    frames = []
    while len(data) >= 2:
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(data[2:10], "big"), 10
        end = at + 4 + size
        if len(data) < end:
            break
        key = (bytes(data[at : at + 4]) * (size // 4 + 1))[:size]
        plain = int.from_bytes(data[at + 4 : end], "big") ^ int.from_bytes(key, "big")
        frames.append((data[0], plain.to_bytes(size, "big")))
        del data[:end]
    return frames


def accept(head: bytes) -> bytes:
    """Answer a client's handshake."""
    key = next(
        line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")
    )
    token = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
    )


def sign(webhook_id: str, timestamp: int, body: bytes) -> str:
    """Sign a delivery by Standard Webhooks."""
    secret = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def webhook(call_id: str, now: float, *, path: str = PATH, webhook_id: str | None = None) -> bytes:
    """A request that announces a call."""
    headers = [{"name": "From", "value": "+14155550100"}, {"name": "To", "value": CALLED}]
    data = {"call_id": call_id, "sip_headers": headers, "metadata": {}}
    announced = {
        "object": "event",
        "id": f"evt_{call_id}",
        "type": "realtime.call.incoming",
        "created_at": int(now),
        "data": data,
    }
    body = json.dumps(announced).encode()
    webhook_id = webhook_id or f"msg_{call_id}"
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nwebhook-id: {webhook_id}\r\nwebhook-timestamp: {int(now)}\r\n"
        f"webhook-signature: {sign(webhook_id, int(now), body)}\r\n\r\n"
    ).encode() + body
