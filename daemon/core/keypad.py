"""The keypad buffer: single keypresses in, whole entries out.

An entry ends for the same three reasons as in the platform's own buffer: the submit key, idle time, the caller
starts to speak; and for two of ours, its greatest length, and that the agent asks for another one. Pure: time is an
argument, `deadline` says when to come back. Owned by the handset.
"""

from math import inf
from typing import Literal

from daemon.core.agent import KeypadRules

Trigger = Literal["terminator", "idle", "speech", "length", "asked"]
Entry = tuple[str, Trigger]

_KEYS = frozenset("0123456789*#ABCD")


class KeypadBuffer:
    """Digits that have been pressed and not yet been submitted."""

    def __init__(self, rules: KeypadRules) -> None:
        self._rules = rules
        self._digits = ""
        self.deadline = inf
        """When the entry is submitted by idle time; infinite while there is none."""

    @staticmethod
    def is_key(digit: str | None) -> bool:
        """Whether a telephone has such a key."""
        return digit in _KEYS

    def press(self, digit: str, now: float) -> list[Entry]:
        """Take one key. Gives the entries it completed: usually none, two when it came after the deadline."""
        entries = self.expire(now)
        if digit == self._rules.terminator:
            return entries + self._submit("terminator")
        self._digits += digit
        if len(self._digits) >= self._rules.max_digits:
            return entries + self._submit("length")
        self.deadline = now + self._rules.idle_timeout
        return entries

    def expire(self, now: float) -> list[Entry]:
        """Submit what idle time has completed by now."""
        return self._submit("idle") if now >= self.deadline else []

    def speech_started(self) -> list[Entry]:
        """Submit, because the caller now speaks instead."""
        return self._submit("speech")

    def asked(self) -> list[Entry]:
        """Submit, because what comes from now on is an answer to something else."""
        return self._submit("asked")

    @property
    def digits(self) -> str:
        """What has been pressed so far."""
        return self._digits

    def clear(self) -> None:
        """Drop what has been pressed so far."""
        self._digits, self.deadline = "", inf

    def _submit(self, trigger: Trigger) -> list[Entry]:
        digits, self._digits, self.deadline = self._digits, "", inf
        return [(digits, trigger)] if digits else []
