"""Rules for the addresses at which operators reach us, and at which we reach their tools.

The control API acts on calls, so nothing of it may ever listen where strangers are. Owned by the configuration room;
imports this room's checks. Must never open, resolve or connect to anything.
"""

import ipaddress

from daemon.config.checks import bind_address, url


def control_socket(text: str) -> str:
    """Accept the place of the control socket."""
    if text == "" or text.startswith("fd://"):
        return text and bind_address(text)
    if not text.startswith("/"):
        raise ValueError('expected an absolute path, "fd://3" for an inherited socket, or "" for none')
    bind_address(f"unix:{text}")
    return text


def loopback_bind(text: str) -> str:
    """Accept an address that only this machine can reach."""
    if text == "":
        return text
    if text.startswith(("unix:", "fd://")):
        raise ValueError('expected "host:port" on the loopback interface; a Unix socket goes under socket')
    bind_address(text)
    host = text.rpartition(":")[0].strip("[]")
    if host != "localhost" and not _is_loopback(host):
        raise ValueError('this is open to other machines; only loopback is allowed, such as "127.0.0.1:9090"')
    return text


def trace_url(text: str) -> str:
    """Accept where spans are sent, or nowhere."""
    return text and url("https", "http")(text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
