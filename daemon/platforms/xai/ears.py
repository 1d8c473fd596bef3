"""The ears: one task that reads the sockets of all calls, and wakes a call only for what is worth it.

Waking a task costs several times what it takes to read a frame and to see that it is audio, and nine frames of ten are.
So the sockets of joined calls are in a set of the kernel's (epoll) of their own, which one task waits for; it looks at
whatever has come, and the call whose frame it was sleeps on unless the look says otherwise.

After each round it rests, for `REST`: what comes meanwhile is found together, and not by one waking each. That is how
much later a call may learn of a word, a key or a ping; nothing that a person, or the platform's patience, could notice.

Owned by `open_platform`, in whose nursery it runs. Imports Trio only. Never reads itself: the look does. What a look
raises is raised in its own call's task, so a fault in one call is not another's.
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
        self._open: dict[int, Ear] = {}

    async def listen(self, descriptor: int, look: Look) -> None:
        """Wait until a look at a socket is worth it. Cancelling is safe. Errors: those of the look."""
        if descriptor in self._open:
            raise trio.BusyResourceError("another task is listening already")
        ear = self._open[descriptor] = Ear(look)
        self._epoll.register(descriptor, select.EPOLLIN)
        try:
            await ear.heard.wait()
        finally:
            self.forget(descriptor)
        if ear.failure is not None:
            raise ear.failure

    def forget(self, descriptor: int) -> None:
        """Let whoever listens to a socket go on. Must be called before the socket is closed."""
        ear = self._open.pop(descriptor, None)
        if ear is not None:
            self._epoll.unregister(descriptor)
            ear.heard.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        with self._epoll:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, _ in self._epoll.poll(0, _MOST):
                    self._look(descriptor)
                await trio.sleep(REST)

    def _look(self, descriptor: int) -> None:
        ear = self._open[descriptor]
        worth = True
        try:
            worth = ear.look()
        except* Exception as bugs:
            ear.failure = bugs
        if worth:
            self.forget(descriptor)
