"""Rules for single values that go beyond a type and a range: addresses, URLs, phone numbers, names.

Each rule takes the value and returns it, tidied where that is harmless, or raises a ValueError that says what was
expected. Owned by the configuration room; imports the standard library and phonenumbers. Must never open, resolve
or connect to anything, and must never repeat a URL in a message, since a URL can carry a password.
"""

import ipaddress
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Final
from urllib.parse import SplitResult, urlsplit

import phonenumbers

BUILT_IN_TOOLS: Final = ("hang_up", "transfer", "collect_digits")
"""Tools that every agent may be given without a table of their own."""

_EXPECTED_BIND: Final = 'expected "host:port", "[ipv6]:port", "unix:/path" or "fd://3"'
_LONGEST_SOCKET_PATH: Final = 107
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WEBHOOK_PATH: Final = re.compile(r"/|(?:/[A-Za-z0-9._~-]+)+/?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_REGIONS: Final = {"es": '"es-ES" or "es-MX"', "pt": '"pt-BR" or "pt-PT"'}


def suggest(word: str, known: tuple[str, ...], shape: str = '"{}"') -> str:
    """Return `; did you mean "..."?`, or nothing when no known word is close."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {shape.format(close[0])}?" if close else ""


def bind_address(text: str) -> str:
    """Accept an address to listen on."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or "\0" in path:
            raise ValueError("expected an absolute path after unix:")
        if len(path.encode()) > _LONGEST_SOCKET_PATH:
            raise ValueError(f"the path of a Unix socket has at most {_LONGEST_SOCKET_PATH} bytes")
        return text
    if text.startswith("fd://"):
        if not re.fullmatch(r"fd://(?:[3-9]|[1-9][0-9]{1,5})", text):
            raise ValueError('expected the number of an open socket, 3 or higher, after fd://, such as "fd://3"')
        return text
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise ValueError(f"{_EXPECTED_BIND}; a port is a number from 0 to 65535")
    if not host:
        raise ValueError(f'{_EXPECTED_BIND}; for every IPv4 address of this machine write "0.0.0.0:{port}"')
    if not is_host(host):
        raise ValueError(_EXPECTED_BIND)
    return text


def is_host(host: str) -> bool:
    """Tell whether this is a host name, an IPv4 address, or an IPv6 address in brackets."""
    if host.startswith("[") and host.endswith("]"):
        return _address(host[1:-1]) is not None and ":" in host
    # A name whose last part is a number is an IPv4 address, or a misspelt one.
    if host.rpartition(".")[2].isdigit():
        return _address(host) is not None
    return _HOST_NAME.fullmatch(host) is not None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def distinct(items: tuple[object, ...]) -> tuple[object, ...]:
    """Accept an array in which nothing is written twice."""
    for place, item in enumerate(items):
        if item in items[:place]:
            raise ValueError(f"item {place + 1} says the same as item {items.index(item) + 1}")
    return items


def webhook_path(text: str) -> str:
    """Accept the path at which the platform delivers calls."""
    if not text.startswith("/"):
        raise ValueError('expected a path that starts with "/"')
    if not _WEBHOOK_PATH.fullmatch(text):
        raise ValueError("expected a plain path: letters, digits and . _ ~ - between single slashes")
    if text.rstrip("/") in {"/livez", "/readyz"}:
        raise ValueError("this path is taken by the health checks")
    return text


def url(secure: str, plain: str = "") -> Callable[[str], str]:
    """Make the rule for a URL with the scheme `secure`, or `plain` if it stays on this machine.

    A trailing slash is dropped, so that a path can be appended.
    """

    def rule(text: str) -> str:
        parts = split(text)
        if parts is None or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"expected a URL such as {secure}://host/path, without query or fragment")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a URL may not carry a user name or password")
        if parts.scheme == plain and not _is_loopback(parts.hostname):
            raise ValueError(f"{plain}:// is for this machine only (127.0.0.1, ::1, localhost); use {secure}://")
        if parts.scheme not in {secure, plain}:
            raise ValueError(f"expected a URL that starts with {secure}://")
        return text.rstrip("/")

    return rule


def split(text: str) -> SplitResult | None:
    """Part a URL; None if it is none, or not in visible ASCII."""
    # urlsplit() silently drops line breaks, so anything but visible ASCII is turned away first.
    if not re.fullmatch(r"[!-~]+", text):
        return None
    try:
        parts = urlsplit(text)
        # Reading the port is what checks it.
        usable = parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def public_url(text: str) -> str:
    """Accept an https URL, or nothing."""
    return url("https")(text) if text else ""


def ledger_url(text: str) -> str:
    """Accept the URL of a database that the ledger can be kept in."""
    if re.fullmatch(r"sqlite:///[^?#\x00-\x1f]+", text) and ":memory:" not in text:
        return text
    parts = split(text)
    if parts is None or parts.scheme != "postgresql" or not parts.path.strip("/") or parts.fragment:
        raise ValueError('expected "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE"')
    if parts.password is not None or "password" in parts.query.lower():
        raise ValueError("a password may not stand in a URL; give it as password")
    return text


def node_name(text: str) -> str:
    """Accept the name of a machine, or nothing."""
    if text and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError("a node's name is 1 to 64 of the characters A-Z, a-z, 0-9 and . _ -")
    return text


def phone_number(text: str) -> str:
    """Accept a number in E.164 form that can exist."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise ValueError('expected a phone number in E.164 form, such as "+18005550199"') from None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_possible_number(number):
        raise ValueError("there can be no such phone number; check its length and country code")
    if plain != text:
        raise ValueError(f'phone numbers are written without spaces or punctuation; write "{plain}"')
    return text


def agent_name(text: str) -> str:
    """Accept the name of an agent."""
    return plain_name(text, "an agent's name")


def destination_name(text: str) -> str:
    """Accept the name of a destination."""
    return plain_name(text, "a destination's name")


def plain_name(text: str, what: str) -> str:
    """Accept a name that can stand in plans, logs and on the wire; `what` says whose it is."""
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", text):
        raise ValueError(f"{what} is 1 to 64 of the characters a-z, 0-9, _ and -")
    return text


def language(text: str) -> str:
    """Accept a BCP 47 language tag, or nothing. Spanish and Portuguese must say which one."""
    if text and not _LANGUAGE.fullmatch(text):
        raise ValueError('expected a language tag such as "en" or "es-MX"')
    if text.lower() in _REGIONS:
        raise ValueError(f"the platform wants a region with this language, such as {_REGIONS[text.lower()]}")
    return text


def voice(text: str) -> str:
    """Accept the name of a voice, or the id of a custom one."""
    if not re.fullmatch(r"\S*", text):
        raise ValueError('the name of a voice, such as "eve", or the id of a custom one has no spaces')
    return text


def phrase(text: str) -> str:
    """Accept words to be spoken in another way."""
    if not text.strip():
        raise ValueError("expected a word or a phrase")
    return text


def phrases(replace: dict[str, str]) -> dict[str, str]:
    """Accept phrases of which no two are the same to the platform, which takes no notice of case."""
    seen: dict[str, str] = {}
    for words in replace:
        other = seen.setdefault(words.casefold(), words)
        if other != words:
            raise ValueError(f'"{words}" and "{other}" are the same phrase to the platform')
    return replace


def terminator(text: str) -> str:
    """Accept one key of a telephone's keypad, or nothing."""
    if text and not re.fullmatch(r"[0-9*#]", text):
        raise ValueError('expected one key of 0-9, * or #, or "" for none')
    return text
