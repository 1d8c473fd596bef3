"""The ears: one task that reads the sockets of all calls, and wakes a call only for what is worth it.

Waking a task costs several times what it takes to read a frame and to see that it is audio, and nine frames of ten are.
So the sockets of joined calls are in a set of the kernel's (epoll) of their own, which one task waits for; it looks at
whatever has come, and the call whose frame it was sleeps on unless the look says otherwise.

After a round it rests, for `REST`: what comes meanwhile is found together, and not by one waking each. That is how
much later a call may learn of a word, a key or a ping; half of what one packet of a telephone's sound lasts. A call
that is being joined is not in the set, and waits for nothing.

Nobody is starved by a socket that is flooded: a look reads once, and whoever else has something to read has a turn in
the same round.

Owned by `open_platform`, in whose nursery it runs. Without it every call is deaf, so what ends it ends the daemon
in order. Imports Trio only. Never reads itself: the look does. What a look raises is raised in its own call's task, so
a fault in one call is not another's.
"""

import select
from abc import abstractmethod
from collections.abc import Callable

import trio

REST = 0.010
"""Seconds."""
# Sockets of one round; what is left comes first in the next one.
_MOST = 256

Look = Callable[[], bool]
"""Takes what can be read without waiting; whether it is worth waking somebody."""


class Audible(trio.abc.Stream):
    """A stream that can be listened to: read without waiting, whenever there may be something."""

    @abstractmethod
    def receive_nowait(self) -> bytes:
        """Receive what has come; nothing at the end. Errors: `trio.WouldBlock`, and those of `receive_some`."""

    @abstractmethod
    async def listen(self, look: Look) -> None:
        """Wait until a look is worth it. Cancelling is safe. Errors: `trio.ClosedResourceError`, and the look's."""


class Ear:
    """Somebody who waits."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.heard = trio.Event()
        self.failure: BaseException | None = None


class Ears:
    """Everybody who waits, and the task that looks for them."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ears: dict[int, Ear | None] = {}
        """By socket. One whose reader is busy stays in the set, in the hope that it is back before the next frame."""

    async def listen(self, descriptor: int, look: Look) -> None:
        """Wait until a look at a socket is worth it. Cancelling is safe. Errors: those of the look."""
        if self._ears.get(descriptor) is not None:
            raise trio.BusyResourceError("another task is listening already")
        if descriptor not in self._ears:
            self._epoll.register(descriptor, select.EPOLLIN)
        ear = self._ears[descriptor] = Ear(look)
        try:
            await ear.heard.wait()
        except trio.Cancelled:
            # Unless it was forgotten meanwhile: then the number may be another socket's by now.
            if self._ears.get(descriptor) is ear:
                self._ears[descriptor] = None
            raise
        if ear.failure is not None:
            raise ear.failure

    def forget(self, descriptor: int) -> None:
        """Let whoever listens to a socket go on. Must be called before the socket is closed."""
        if descriptor in self._ears:
            self._epoll.unregister(descriptor)
            ear = self._ears.pop(descriptor)
            if ear is not None:
                ear.heard.set()

    async def hear(self) -> None:
        """Listen until cancelled."""
        while True:
            heard = self._epoll.poll(0, _MOST)
            for descriptor, _ in heard:
                ear, worth = self._ears.get(descriptor), True
                if ear is None:
                    self.forget(descriptor)
                    continue
                try:
                    worth = ear.look()
                except* Exception as bugs:
                    ear.failure = bugs
                if worth:
                    self._ears[descriptor] = None
                    ear.heard.set()
            if not heard:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
            elif len(heard) < _MOST:
                await trio.sleep(REST)
            else:
                await trio.lowlevel.checkpoint()  # there is more already

    def close(self) -> None:
        """Close, once nobody listens any more."""
        self._epoll.close()
