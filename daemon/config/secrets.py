"""Secrets: where they come from, and a box that does not spill them into logs, reprs or JSON.

The file only ever says where a secret is kept: `${env:NAME}`, `${file:/path}`, or `${credential:NAME}` for a
systemd credential. Owned by the configuration room; imports msgspec. Must never put the text of a
secret, or of what was written in place of a reference, into a message.
"""

import binascii
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

EXPECTED_REFERENCE: Final = '"${env:NAME}", "${file:/path}" or "${credential:NAME}"'

_REFERENCE: Final = re.compile(r"\$\{(env|file|credential):([^{}]+)\}")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHORTEST: Final = 8
_OF_FOLDER: Final = "callwarden_"
# Standard Webhooks: between 192 and 512 bits of key.
_KEY_BYTES: Final = range(24, 65)


class Secret:
    """A secret text. Only `reveal()` shows it; printing, logging or encoding the box does not."""

    __slots__ = ("_text", "parts")

    def __init__(self, text: str, parts: tuple["Secret", ...] = ()) -> None:
        self._text = text
        self.parts = parts
        """The secrets that were put into the text, if it is not one by itself."""

    def reveal(self) -> str:
        """Return the text; call this only where it goes onto the wire or into a signature."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(****)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        # Without this, pickling and deep-copying would carry the text out of the box.
        raise TypeError("a Secret does not leave the process")


class Unfetched(Secret):
    """A secret that was not fetched, because whoever loads the configuration has no use for it."""

    __slots__ = ()

    def reveal(self) -> str:
        """Refuse: there is nothing to reveal."""
        raise AssertionError("this secret was not fetched")


def every_secret(record: object) -> Iterator[Secret]:
    """All secrets that a configuration, or a part of it, holds; of a text with secrets in it, these as well."""
    if isinstance(record, Secret):
        yield record
        yield from record.parts
    elif isinstance(record, msgspec.Struct):
        for name in record.__struct_fields__:
            yield from every_secret(getattr(record, name))
    elif isinstance(record, dict):
        for value in record.values():
            yield from every_secret(value)
    elif isinstance(record, tuple):
        for value in record:
            yield from every_secret(value)


def put_into(texts: Iterable[Secret]) -> tuple[str, ...]:
    """The secrets that were put into these texts, but for what is so short that it may stand anywhere."""
    return tuple(part.reveal() for text in texts for part in text.parts if len(part.reveal()) >= _SHORTEST)


def resolve(reference: str, env: Mapping[str, str]) -> Secret:
    """Fetch the secret that a reference names.

    Raises:
        ValueError: It is no reference, or there is nothing usable where it points; the message says what to do.
    """
    source, name = _parts(reference)
    if source == "env":
        return _from_environment(name, env)
    if source == "credential":
        return _from_credential(name, env)
    if not Path(name).is_absolute():
        raise ValueError("the path in a ${file:/path} reference must be absolute")
    return _from_file(Path(name))


def fill(text: str, env: Mapping[str, str]) -> Secret:
    """Fetch the secrets that stand in a text, and put them in their places; the whole is a secret then.

    Raises:
        ValueError: As `resolve`, and for a reference that is none.
    """
    _check_references(text)
    parts = {reference[0]: resolve(reference[0], env) for reference in _REFERENCE.finditer(text)}
    return Secret(_REFERENCE.sub(lambda reference: parts[reference[0]].reveal(), text), tuple(parts.values()))


def _check_references(text: str) -> None:
    if "${" in _REFERENCE.sub("", text):
        raise ValueError(f"expected a reference to a secret after ${{, as in {EXPECTED_REFERENCE}")


def leave(reference: str) -> Unfetched:
    """Leave a secret where it is, but see that it is referred to. Errors: `ValueError`."""
    _parts(reference)
    return Unfetched(reference)


def leave_all(text: str) -> Unfetched:
    """Leave the secrets that stand in a text where they are. Errors: `ValueError`."""
    _check_references(text)
    return Unfetched(text)


def _parts(reference: str) -> tuple[str, str]:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"a secret is never written here itself; expected a reference: {EXPECTED_REFERENCE}")
    return match[1], match[2]


def _from_environment(name: str, env: Mapping[str, str]) -> Secret:
    if not _ENV_NAME.fullmatch(name):
        raise ValueError("${env:NAME} takes the name of an environment variable: letters, digits and underscores")
    if name not in env:
        raise ValueError(f"environment variable {name} is not set")
    text = env[name].rstrip("\r\n")
    if not text:
        raise ValueError(f"environment variable {name} is empty")
    return Secret(text)


def _from_credential(name: str, env: Mapping[str, str]) -> Secret:
    if "/" in name or name in {".", ".."}:
        raise ValueError("${credential:NAME} takes the name of a credential, not a path")
    folder = env.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(
            f"credential {name} cannot be looked up: CREDENTIALS_DIRECTORY is not set. systemd sets it for a unit "
            f"with LoadCredential={name}; elsewhere, set it to the folder that holds the file {name}, or have a folder "
            "credentials beside the configuration"
        )
    # Of a whole folder that is loaded under one name, systemd puts that name in front of every file's.
    path, of_folder = Path(folder, name), Path(folder, f"{_OF_FOLDER}{name}")
    return _from_file(of_folder if _is_missing(path) and not _is_missing(of_folder) else path)


def _is_missing(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        pass  # reading it says what is wrong
    return False


def _from_file(path: Path) -> Secret:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        # A decoding error carries the bytes it choked on, hence no cause here. So does a path with a NUL in it.
        raise ValueError(f"{path} does not hold UTF-8 text") from None
    if not text:
        raise ValueError(f"{path} is empty")
    return Secret(text)


def check_api_key(secret: Secret) -> Secret:
    """Refuse a key that could not be sent in an HTTP header."""
    if not re.fullmatch(r"[!-~]+", secret.reveal()):
        raise ValueError("the API key holds a space, a line break or a character beyond ASCII; copy it again")
    return secret


def check_operator_token(secret: Secret) -> Secret:
    """Refuse a token that could be guessed, or could not be sent in an HTTP header."""
    if not re.fullmatch(r"[!-~]{16,512}", secret.reveal()):
        raise ValueError("expected a token of 16 to 512 visible ASCII characters; make one with: openssl rand -hex 32")
    return secret


def check_webhook_secret(secret: Secret) -> Secret:
    """Refuse what is no symmetric Standard Webhooks secret: `whsec_` and the base64 of 24 to 64 bytes.

    Such a mistake shows at start this way, and not as a bad signature on the first phone call.
    """
    prefix, _, encoded = secret.reveal().partition("_")
    if prefix in {"whpk", "whsk"}:
        raise ValueError("this is an asymmetric key (whpk_ or whsk_), which is not supported; use a whsec_ secret")
    if prefix != "whsec":
        raise ValueError('a webhook secret starts with "whsec_"; this one does not')
    digits = encoded.rstrip("=")
    padded = digits + "=" * (-len(digits) % 4)
    try:
        key = binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        key = None
    if key is None or encoded not in {digits, padded}:
        raise ValueError("the webhook secret is not base64 after whsec_; copy it again")
    if len(key) not in _KEY_BYTES:
        raise ValueError(f"a webhook secret holds 24 to 64 bytes; this one holds {len(key)}")
    return secret
