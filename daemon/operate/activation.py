"""Sockets that systemd has opened for us, found by name: `http` for webhooks, `control` for operators.

The protocol is `$LISTEN_FDS` descriptors from 3 on, meant for the process `$LISTEN_PID`, with names in
`$LISTEN_FDNAMES` (sd_listen_fds(3)). They come in no particular order, so a position means nothing. Without names, as
from a simpler activator, they are all taken for `http`. Imports config and this room; opens and closes nothing:
`web/listen.py` adopts what is named `fd://`.
"""

import contextlib
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

import structlog

from daemon.config import Server
from daemon.operate.systemd import Notifier

HTTP = "http"
CONTROL = "control"
_FIRST = 3
_MOST = 64

Passed = Mapping[str, tuple[int, ...]]
"""Descriptors by name."""


@dataclass(frozen=True, slots=True)
class Systemd:
    """What systemd has given this process."""

    notifier: Notifier
    passed: Passed

    @classmethod
    def take_over(cls, environment: MutableMapping[str, str] = os.environ) -> "Systemd":
        """Take it out of the environment, so that no child inherits it."""
        return cls(Notifier.take_over(environment), take_over(environment))


def take_over(environment: MutableMapping[str, str] = os.environ) -> Passed:
    """Take the sockets that are meant for us out of the environment, so that no child inherits them."""
    count = environment.pop("LISTEN_FDS", "")
    owner = environment.pop("LISTEN_PID", "")
    names = environment.pop("LISTEN_FDNAMES", "")
    if owner != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return {}
    called = names.split(":") if names else [HTTP] * min(int(count), _MOST)
    passed: dict[str, tuple[int, ...]] = {}
    for descriptor, name in enumerate(called[: int(count)], _FIRST):
        with contextlib.suppress(OSError):  # whoever listens on it says what is wrong with it
            os.set_inheritable(descriptor, False)
        passed[name] = (*passed.get(name, ()), descriptor)
    return passed


def binds(server: Server, passed: Passed) -> tuple[str, ...]:
    """Where to listen for webhooks: at what was passed, unless the configuration says something of its own.

    What is passed and not used is told, because whoever connects there would wait for ever.
    """
    log = structlog.get_logger()
    for name in passed.keys() - {HTTP, CONTROL}:
        log.warning("socket_unused", name=name, fix="FileDescriptorName= of the .socket unit is http or control")
    sockets = tuple(f"fd://{descriptor}" for descriptor in passed.get(HTTP, ()))
    if sockets and server.bind == Server().bind:
        return sockets
    if not {*sockets} <= {*server.bind}:
        fix = "leave [server] bind out to use it, or disable callwarden.socket"
        log.warning("socket_unused", name=HTTP, bind=list(server.bind), fix=fix)
    return server.bind
