"""Strangers at the public port, in a process of their own, as what they cost must not be measured as the daemon's.

`python -m tests.process.loadgen PORT SECONDS KIND NOW RATE WORKERS`; bounded in time, and writes one line of JSON: how
often it was answered what.
"""

import json
import random
import socket
import sys
from collections import Counter

import trio

PATH = "/xai/sip-webhook"
BODY = b'{"type": "realtime.call.incoming", "data": {"call_id": "call-x"}}'


def bad_signature(number: int) -> bytes:
    """A delivery in good form, signed by nobody."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: a\r\nwebhook-id: msg_{number}\r\nwebhook-timestamp: {{now}}\r\n"
        f"webhook-signature: v1,{'A' * 43}=\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


class Load:
    """One attack."""

    def __init__(self, port: int, kind: str, now: int) -> None:
        self.statuses: Counter[str] = Counter()
        self._port = port
        self._kind = kind
        self._now = str(now).encode()

    async def worker(self, number: int, rate: float) -> None:
        """Attack until cancelled, at most so often a second."""
        due, random_ = trio.current_time(), random.Random(number)
        while True:
            try:
                await self._attack(random_, rate, due)
            except (OSError, trio.BrokenResourceError):
                self.statuses["cut off"] += 1
                await trio.sleep(0.01)
            due = trio.current_time()

    async def _attack(self, random_: random.Random, rate: float, due: float) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        async with stream:
            match self._kind:
                case "signatures":
                    await self._signatures(stream, rate, due)
                case "idle":
                    await self._drip(stream, b"", 30.0)
                case "head":
                    await self._drip(stream, f"POST {PATH} HTTP/1.1\r\nHost: a\r\n".encode() + b"X-A: b\r\n" * 400, 0.3)
                case "body":
                    await self._drip(stream, bad_signature(1) + b" " * 60, 0.3, at_once=200)
                case "chunks":
                    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                    await self._drip(stream, head + b"1\r\nx\r\n" * 100, 0.1, at_once=len(head))
                case "headers":
                    await stream.send_all(
                        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000))
                    )
                    await self._read(stream)
                case "preface":
                    frames = (
                        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
                        + b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08" * 500
                    )
                    await stream.send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
                    await self._read(stream)
                case _:
                    await stream.send_all(self._mutant(random_))
                    self.statuses["sent"] += 1
                    with trio.move_on_after(0.02):
                        await self._read(stream)

    async def _signatures(self, stream: trio.SocketStream, rate: float, due: float) -> None:
        request = bad_signature(7).replace(b"{now}", self._now)
        while True:
            await stream.send_all(request)
            if not await self._read(stream):
                return
            due += 1 / rate
            await trio.sleep_until(due)

    async def _drip(self, stream: trio.SocketStream, data: bytes, pause: float, at_once: int = 40) -> None:
        await stream.send_all(data[:at_once])
        for at in range(at_once, len(data), 6):
            await trio.sleep(pause)
            await stream.send_all(data[at : at + 6])
        await self._read(stream)

    async def _read(self, stream: trio.SocketStream) -> bytes:
        answer = await stream.receive_some(4096)
        while answer and not answer.endswith(b"}"):
            more = await stream.receive_some(4096)
            if not more:
                break
            answer += more
        self.statuses[answer[9:12].decode("latin-1") or "closed"] += 1
        return answer

    def _mutant(self, random_: random.Random) -> bytes:
        data = bytearray(bad_signature(random_.randrange(10**6)).replace(b"{now}", self._now))
        for _ in range(random_.randint(1, 8)):
            at = random_.randrange(len(data) + 1)
            data[at : at + random_.choice([0, 1, 1, 20])] = random_.choice(
                [
                    random_.randbytes(random_.randint(1, 9)),
                    b"\r\n",
                    b"\xff",
                    b"Upgrade: websocket\r\n",
                    b"Host: b\r\n",
                    b"chunked",
                ]
            )
        return bytes(data)


async def attack(port: int, seconds: float, kind: str, now: int, rate: float, workers: int) -> Load:
    """Attack for so long."""
    load = Load(port, kind, now)
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for number in range(workers):
                nursery.start_soon(load.worker, number, rate / workers, name=f"attacker {number}")
    return load


def main() -> None:
    """Attack as the command line says."""
    port, seconds, kind, now, rate, workers = sys.argv[1:]
    load = trio.run(attack, int(port), float(seconds), kind, int(now), float(rate), int(workers))
    sys.stdout.write(json.dumps(load.statuses))


if __name__ == "__main__":
    main()
