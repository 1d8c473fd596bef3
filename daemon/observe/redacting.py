"""What must not be in a log, taken out in one place: the last step before a line is written, whoever wrote it.

What is worth a line is decided where it is logged, and people's words and digits are left out there. This is the net
under it: secrets by value and by look, whole phone numbers, and long rows of digits, in any field and in the text of
any error. Plain; imports core's redaction.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from structlog.typing import EventDict, WrappedLogger

from daemon.core.redaction import HIDDEN, short_number

_SECRET_KEYS: Final = frozenset({"api_key", "authorization", "password", "secret", "token"})
# Ids are ours or the platform's, and a line without them is worth little.
# `operation` is what the ledger could not keep (spooled_to_log): it is to be written back, so it must be whole.
_IDS: Final = frozenset({"call_id", "epoch", "id", "node", "operation", "timestamp", "webhook_id"})
_LOOKS: Final = re.compile(r"wh(?:sec|sk|pk)_[A-Za-z0-9+/=_-]+|xai-[A-Za-z0-9_-]{16,}|(?<=[Bb]earer )[!-~]+")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}(?![0-9])")
# Card numbers, numbers without their plus, whatever was typed or said digit by digit; but no part of an id.
_DIGITS: Final = re.compile(r"(?<![\w.+-])[0-9](?:[ -]?[0-9]){9,22}(?![\w-])")
_SHORTEST_SECRET = 8


class Redactor:
    """A processor for structlog that knows the secrets of the configuration."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these texts out, too, from now on; those of earlier configurations stay hidden."""
        known = {*self._secrets, *(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean a line."""
        return {key: self._clean(key, value) for key, value in event.items()}

    def _clean(self, key: str, value: object) -> object:
        if key in _SECRET_KEYS:
            return HIDDEN
        if isinstance(value, str):
            return value if key in _IDS else self.text(value)
        if isinstance(value, Mapping):
            return {inner: self._clean(str(inner), held) for inner, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(key, held) for held in value]
        return value

    def text(self, text: str) -> str:
        """Clean a text."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _LOOKS.sub(HIDDEN, text)
        text = _NUMBER.sub(lambda found: short_number(found[0]), text)
        return _DIGITS.sub(lambda found: f"({sum(letter.isdigit() for letter in found[0])} digits)", text)
