"""What differs between two configurations, and which of it a running daemon can't take up.

A reload gives new calls a new configuration. What was opened at the start (listeners, the ledger, TLS) stays as it was
opened, so for those keys the old value goes on being the true one. Owned by whoever reloads; imports msgspec and this
room's records. Must never show a value: it may be a secret.
"""

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from daemon.config.records import Config
from daemon.config.report import KeyPath, dotted

StructT = TypeVar("StructT", bound=msgspec.Struct)

NEEDS_RESTART: Final[tuple[KeyPath, ...]] = (
    ("server", "bind"),
    ("server", "webhook_path"),
    ("server", "max_body"),
    ("server", "max_connections"),
    ("server", "header_timeout"),
    ("server", "request_timeout"),
    ("server", "keep_alive"),
    ("server", "send_timeout"),
    ("platform", "xai", "base_url"),
    ("platform", "xai", "websocket_url"),
    ("platform", "xai", "ca_file"),
    ("recording",),
    ("ledger",),
    ("deliveries",),
    ("operator",),
    ("log", "format"),
    ("tracing",),
)
"""Keys, and tables with all that is in them, that are looked at only when the daemon starts."""


def changes(old: Config, new: Config) -> tuple[str, ...]:
    """Name every key that differs, and every table that is only in one of the two, in the order of the file."""
    return tuple(dotted(path) for path in _differences(old, new, ()))


def restart_keys(old: Config, new: Config) -> tuple[str, ...]:
    """Name every key that differs and takes effect only at the next start."""
    return tuple(dotted(path) for path in _differences(old, new, ()) if _needs_restart(path))


def as_far_as_running(old: Config, new: Config) -> Config:
    """The new configuration, with the old value of every key that needs a restart: what really holds from now on."""
    for path in NEEDS_RESTART:
        new = _graft(old, new, path)
    return new


def _needs_restart(path: KeyPath) -> bool:
    return any(path[: len(prefix)] == prefix for prefix in NEEDS_RESTART)


def _differences(old: object, new: object, path: KeyPath) -> Iterator[KeyPath]:
    if old == new:
        return
    if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
        for name in old.__struct_fields__:
            yield from _differences(getattr(old, name), getattr(new, name), (*path, name))
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if key in old and key in new:
                yield from _differences(old[key], new[key], (*path, key))
            else:
                yield (*path, key)
    else:
        yield path


def _graft(old: StructT, new: StructT, path: KeyPath) -> StructT:
    name, *rest = path
    kept = getattr(old, name)
    if rest:
        kept = _graft(kept, getattr(new, name), tuple(rest))
    return msgspec.structs.replace(new, **{name: kept})
