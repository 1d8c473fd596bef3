"""Whom to believe: Standard Webhooks signatures, checked strictly and with nothing of the sender's leaking out.

The library `standardwebhooks` computes the signature; the rest is done here, because its `verify` reads the real
clock, accepts repeated headers and sloppy base64, and raises whatever a stranger's bytes provoke. Every failure of
authentication is one and the same answer; the reason is for the log.

Owned by the webhook handler; the secrets can be changed while it works. Plain code: no I/O, the clock is passed in.
Never logs or returns header text, never compares secrets other than in constant time.
"""

import binascii
import datetime
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Never

import msgspec
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from daemon.config import Config
from daemon.errors import ConfigError, Problem, WebhookRefused

ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
TIMESTAMP = re.compile(r"[1-9][0-9]{9,10}")  # what is signed has no leading zero
SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
OTHER_SIGNATURE = re.compile(r"(?!v1,)v[0-9]{1,3}[a-z]?,[A-Za-z0-9+/]{1,512}={0,2}")
MAX_SIGNATURE_HEADER = 1024
MAX_SIGNATURES = 8


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret the platform signs with: everybody's, or one number's own."""

    number: str | None = None
    """The number it was issued for, E.164 with `+`; None for the secrets of the whole platform account."""
    value: str

    def __repr__(self) -> str:
        """Show whose it is, not what it is."""
        return f"SigningSecret(number={self.number!r}, value=...)"


def secrets_in(config: Config) -> list[SigningSecret]:
    """Everything that deliveries may be signed with."""
    secrets = [SigningSecret(value=secret.reveal()) for secret in config.platform.xai.webhook_secrets]
    for number, entry in config.numbers.items():
        secrets += [SigningSecret(number=number, value=secret.reveal()) for secret in entry.webhook_secrets]
    return secrets


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature vouches for."""

    webhook_id: str
    timestamp: int
    numbers: frozenset[str | None]
    """The `number` of each secret that the delivery was signed with."""


class Verifier:
    """Knows the secrets; says whether a delivery was signed with one of them, just now."""

    def __init__(
        self, secrets: Sequence[SigningSecret], *, wall: Callable[[], float], tolerance: float = 300.0
    ) -> None:
        self._wall = wall
        self.trust(secrets, tolerance)

    def trust(self, secrets: Sequence[SigningSecret], tolerance: float) -> None:
        """From the next delivery on, believe in these secrets, and in no others. Errors: `ConfigError`."""
        signers = [(secret.number, _signer(secret)) for secret in secrets]
        self._signers = signers
        self._own = frozenset(secret.number for secret in secrets if secret.number is not None)
        self._tolerance = tolerance

    def verify(self, headers: Iterable[tuple[str, str]], body: bytes) -> Verified:
        """Check one delivery.

        Errors:
            WebhookRefused: 401 when it is not signed by anyone we know, or not recently; 400 when its body can't be
                signed over, as it is not UTF-8. Nothing else, whatever the headers hold.
        """
        webhook_id, stamp, entries = _read(list(headers))
        timestamp = int(stamp)
        if abs(self._wall() - timestamp) > self._tolerance:
            _refuse("old_signature")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise WebhookRefused(400, "bad_body", "the body is not UTF-8") from None
        moment = datetime.datetime.fromtimestamp(timestamp, tz=datetime.UTC)
        numbers: set[str | None] = set()
        for number, signer in self._signers:  # every one: they may belong to different numbers
            expected = signer.sign(webhook_id, moment, text).encode()
            if any(hmac.compare_digest(expected, entry) for entry in entries):
                numbers.add(number)
        if not numbers:
            _refuse("bad_signature")
        return Verified(webhook_id=webhook_id, timestamp=timestamp, numbers=frozenset(numbers))

    def check_number(self, called: str | None, verified: Verified) -> None:
        """Refuse a call that was signed for another number: with a secret that is not its own, or not everybody's."""
        if (called if called in self._own else None) not in verified.numbers:
            _refuse("wrong_secret")


def _signer(secret: SigningSecret) -> Webhook:
    try:
        return Webhook(secret.value)
    except (EmptyWebhookSecretError, binascii.Error, ValueError):
        where = "webhook_secrets" if secret.number is None else f'[numbers."{secret.number}"] webhook_secrets'
        # Without its cause, which may quote the secret.
        raise ConfigError(Problem(where, "not a signing secret: expected whsec_ and base64")) from None


def _read(headers: Sequence[tuple[str, str]]) -> tuple[str, str, list[bytes]]:
    """Take id, timestamp and version 1 signatures out of the headers."""
    webhook_id = _only(headers, "webhook-id")
    if not ID.fullmatch(webhook_id):
        _refuse("bad_id")
    timestamp = _only(headers, "webhook-timestamp")
    if not TIMESTAMP.fullmatch(timestamp):
        _refuse("bad_timestamp")
    signatures = _only(headers, "webhook-signature")
    entries = signatures.split(" ")
    if len(signatures) > MAX_SIGNATURE_HEADER or len(entries) > MAX_SIGNATURES:
        _refuse("too_many_signatures")
    if not all(SIGNATURE.fullmatch(entry) or OTHER_SIGNATURE.fullmatch(entry) for entry in entries):
        _refuse("malformed_signature")
    ours = [entry.encode() for entry in entries if SIGNATURE.fullmatch(entry)]
    if not ours:
        _refuse("no_known_signature")
    return webhook_id, timestamp, ours


def _only(headers: Sequence[tuple[str, str]], name: str) -> str:
    """Return the header's value. Twice is as bad as never: two readers would take different ones."""
    values = [value for key, value in headers if key.lower() == name]
    if len(values) != 1:
        _refuse("repeated_header" if values else "missing_header")
    return values[0]


def _refuse(reason: str) -> Never:
    raise WebhookRefused(401, reason, "unauthorized")
