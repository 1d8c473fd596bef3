"""Making things safe to write down. Pure; imports msgspec."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)


HIDDEN: Final = "****"
"""What stands in the place of a secret."""


def short_number(number: str | None) -> str:
    """A phone number shortened so that a colleague recognises it and a stranger can't dial it: `+1800…99`."""
    if number is None:
        return "unknown"
    return number if len(number) <= 6 else f"{number[:-7]}…{number[-2:]}"


def masked(text: str, hidden: Iterable[str]) -> str:
    """A text of somebody else's with every one of these secrets struck out, should it repeat one."""
    for secret in sorted(hidden, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    return text


def masked_body(body: bytes, hidden: Iterable[str]) -> bytes:
    """An answer of somebody else's, JSON as a rule, without these secrets, however JSON may write them."""
    for secret in sorted(hidden, key=len, reverse=True):
        written = msgspec.json.encode(secret)[1:-1]
        for form in (secret.encode(errors="surrogatepass"), written, written.replace(b"/", rb"\/")):
            if form:
                body = body.replace(form, HIDDEN.encode())
    return body


def printable(words: str) -> str:
    """Somebody's words, fit for a terminal or a log: no control characters, no marks that turn text around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())


SHORTEST = 3
"""Keys of the shortest entry that is looked for: one or two digits stand in any text, and give nothing away there."""


def without(text: str, secrets: Mapping[str, str]) -> str:
    """A text with the names of secrets in place of the secrets, which are what somebody typed on a keypad.

    Found on their own and with spaces or hyphens between the keys, not as part of a longer number. Of a text that is
    JSON the result is JSON; there, a number is found as well. What is shorter than `SHORTEST` is not looked for.
    """
    found = [(name, typed, _pattern(typed)) for name, typed in secrets.items() if len(typed) >= SHORTEST]
    try:
        before = msgspec.json.decode(text)
    except _UNREADABLE:
        return _replaced(text, found)
    after = _cleaned(before, found)
    return text if after == before else msgspec.json.encode(after).decode()


_Secrets = Sequence[tuple[str, str, re.Pattern[str]]]


def _pattern(typed: str) -> re.Pattern[str]:
    return re.compile(r"(?<![0-9])" + r"[ -]?".join(map(re.escape, typed)) + r"(?![0-9])")


def _replaced(text: str, secrets: _Secrets) -> str:
    for name, _, pattern in secrets:
        text = pattern.sub(name, text)
    return text


def _cleaned(value: object, secrets: _Secrets) -> object:
    match value:
        case str():
            return _replaced(value, secrets)
        case bool() | None:
            return value
        case int() | float():
            # A number has lost the zeros it began with.
            return next((name for name, typed, _ in secrets if typed.isdigit() and int(typed) == value), value)
        case list():
            return [_cleaned(item, secrets) for item in value]
        case dict():
            return {_replaced(key, secrets): _cleaned(item, secrets) for key, item in value.items()}
        case _:
            return value
