"""Making things safe to write down. Pure; imports nothing but the standard library's annotations."""

from collections.abc import Iterable


def short_number(number: str | None) -> str:
    """A phone number shortened so that a colleague recognises it and a stranger can't dial it: `+1800…99`."""
    if number is None:
        return "unknown"
    return number if len(number) <= 6 else f"{number[:-7]}…{number[-2:]}"


def masked(text: str, hidden: Iterable[str]) -> str:
    """A text of somebody else's with every one of these secrets struck out, should it repeat one."""
    for secret in sorted(hidden, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "****")
    return text


def printable(words: str) -> str:
    """Somebody's words, fit for a terminal or a log: no control characters, no marks that turn text around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
