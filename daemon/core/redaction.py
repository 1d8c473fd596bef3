"""Making things safe to write down. Pure; imports nothing."""


def short_number(number: str | None) -> str:
    """A phone number shortened so that a colleague recognises it and a stranger can't dial it: `+1800…99`."""
    if number is None:
        return "unknown"
    return number if len(number) <= 6 else f"{number[:-7]}…{number[-2:]}"
