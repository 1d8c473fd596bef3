"""Collecting digits: one use of the built-in tool `collect_digits`, from the question to the entry.

The model asks, the core collects: under the rules of that use, in several tries, with fixed words between them. What
the caller says meanwhile ends nothing, as people read out what they type; but who spoke and typed nothing is not asked
again. Pure: time is an argument. Owned by the handset.
"""

from math import inf
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from daemon.core.agent import KeypadRules
from daemon.core.frames import FunctionTool
from daemon.core.keypad import Entry, KeypadBuffer

FIRST_KEY: Final = 10.0
"""Seconds, once the question was heard, in which the first key has to come."""
UNHEARD: Final = 40.0
"""The same while it is not known when the question is heard, if it ever is."""
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)

COLLECT: Final = FunctionTool(
    name="collect_digits",
    description="Collect digits that the caller types on their telephone, such as a customer number. Ask for them in "
    "the same turn, or give the question as prompt. You get the digits; or, of a sensitive entry, a reference such as "
    "entry-1, which you pass to the tool that it is for. Never say digits of a sensitive entry.",
    parameters={
        "type": "object",
        "properties": {
            "purpose": {"type": "string", "description": "What the digits are for, in a few words."},
            "prompt": {
                "type": "string",
                "description": "A question to be spoken exactly so, if you don't ask it.",
            },
            "min_digits": {"type": "integer", "minimum": 1, "maximum": 128},
            "max_digits": {"type": "integer", "minimum": 1, "maximum": 128},
            "terminator": {"type": "string", "enum": ["#", "*", ""], "description": "Key that ends the entry."},
            "inter_digit_timeout": {
                "type": "number",
                "minimum": 0.5,
                "maximum": 30,
                "description": "Seconds without a key that end the entry.",
            },
            "retries": {"type": "integer", "minimum": 0, "maximum": 5},
            "sensitive": {"type": "boolean", "description": "true for PINs, cards and the like: you get a reference."},
        },
        "required": ["purpose"],
        "additionalProperties": False,
    },
)

Digits = Annotated[int, Meta(ge=1, le=128)]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the model asks for; None is the agent's own rule."""

    purpose: str = ""
    prompt: str = ""
    min_digits: Digits = 1
    max_digits: Digits | None = None
    terminator: Literal["#", "*", ""] | None = None
    inter_digit_timeout: Annotated[float, Meta(ge=0.5, le=30)] | None = None
    retries: Annotated[int, Meta(ge=0, le=5)] = 2
    sensitive: bool = False


def read_wanted(arguments: str) -> Wanted:
    """Read what the model wrote. Raises ValueError, in words for it, if that makes no sense."""
    try:
        wanted = msgspec.json.decode(arguments, type=Wanted, strict=False)
    except _UNREADABLE as error:
        raise ValueError(str(error)) from None
    if wanted.max_digits is not None and wanted.max_digits < wanted.min_digits:
        raise ValueError("max_digits is less than min_digits")
    return wanted


class Collection:
    """One use, while it lasts."""

    def __init__(self, use_id: str, wanted: Wanted, rules: KeypadRules, now: float) -> None:
        self.use_id = use_id
        self.wanted = wanted
        self.prompt = wanted.prompt
        """What is to be said when the model's own turn is made; empty once it was."""
        self._buffer = KeypadBuffer(
            KeypadRules(
                idle_timeout=wanted.inter_digit_timeout or rules.idle_timeout,
                terminator=rules.terminator if wanted.terminator is None else wanted.terminator,
                max_digits=wanted.max_digits or max(rules.max_digits, wanted.min_digits),
            )
        )
        self._retries = wanted.retries
        self._spoke = False
        self._first_by = now + UNHEARD

    @property
    def deadline(self) -> float:
        """When to come back."""
        return self._buffer.deadline if self._buffer.digits else self._first_by

    def heard(self, at: float) -> None:
        """The caller has heard, at this time, what the agent says; from then on the first key is waited for."""
        self._first_by = at + FIRST_KEY

    def spoken_into(self, now: float) -> None:
        """The caller speaks; what the model answers is heard before anything is typed."""
        self._spoke, self.prompt = True, ""
        self._first_by = now + UNHEARD

    def press(self, digit: str, now: float) -> list[Entry]:
        """Take one key; gives the try that it ends, if it does."""
        return self._buffer.press(digit, now)

    def expire(self, now: float) -> list[Entry]:
        """End a try whose time is up; nothing typed is a try too."""
        if now < self.deadline:
            return []
        self._first_by = inf
        return self._buffer.expire(now) or [("", "idle")]

    def complaint(self, digits: str) -> str:
        """What is wrong with a try, in words for the model; empty if it is what was wanted."""
        if len(digits) >= self.wanted.min_digits:
            return ""
        if digits:
            return f"The caller typed {len(digits)} of at least {self.wanted.min_digits} digits."
        return "The caller spoke and typed nothing." if self._spoke else "The caller typed nothing."

    def again(self, digits: str, now: float, *, words: bool) -> bool:
        """Begin another try, after fixed words or without; False if there is none left."""
        if not self._retries or (self._spoke and not digits):
            return False
        self._retries -= 1
        self._spoke = False
        self._first_by = now + (UNHEARD if words else FIRST_KEY)
        return True
