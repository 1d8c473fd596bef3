"""Making things safe to write down. Pure; imports nothing."""


def short_number(number: str | None) -> str:
    """A phone number shortened so that a colleague recognises it and a stranger can't dial it: `+1800…99`."""
    if number is None:
        return "unknown"
    return number if len(number) <= 6 else f"{number[:-7]}…{number[-2:]}"


def printable(words: str) -> str:
    """Somebody's words, fit for a terminal or a log: no control characters, no marks that turn text around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
