"""Text that every database takes: no NUL, no half of a surrogate pair, and no key longer than an index can hold.

What people say, what tools give and why calls end comes from elsewhere, and one odd character in it must not keep a
receipt out of the ledger. Pure; imports msgspec only.
"""

import hashlib

import msgspec

LONGEST_KEY = 256
"""Characters. PostgreSQL's indexes take up to some 2700 bytes, and ids that are honest are far shorter."""

_REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """The text, with what no database takes replaced."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", _REPLACEMENT) if "\0" in text else text


def key(text: str) -> str:
    """The text as a key: a long one is cut, and told from others by a digest of the whole."""
    text = clean(text)
    if len(text) <= LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: LONGEST_KEY - len(digest) - 1]}#{digest}"


def as_json(value: object) -> str:
    """JSON that both databases take, and can read as JSON."""
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_cleaned(msgspec.to_builtins(value)))
    if b"\\u0000" in encoded:
        encoded = msgspec.json.encode(_cleaned(msgspec.to_builtins(value)))
    return encoded.decode()


def _cleaned(value: object) -> object:
    match value:
        case str():
            return clean(value)
        case list() | tuple():
            return [_cleaned(item) for item in value]
        case dict():
            return {_cleaned(name): _cleaned(item) for name, item in value.items()}
        case _:
            return value
