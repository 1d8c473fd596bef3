"""What callers typed for a tool's eyes only: kept under a reference, given out once, and forgotten.

The model, the log, the ledger and everybody else see the reference; the digits leave through `take` alone. Pure; owned
by the handset.
"""

import re
from typing import Final

from daemon.core.redaction import without

# More than anybody types for one purpose; what is older was not wanted any more.
_MOST = 8

REFERENCE: Final = re.compile(r"entry-[0-9]{1,9}")


class Entries:
    """The sensitive entries of one call that no tool has used yet."""

    def __init__(self) -> None:
        self._digits: dict[str, str] = {}
        self._count = 0

    def __repr__(self) -> str:
        """How many there are, and nothing else."""
        return f"<{len(self._digits)} entries>"

    def keep(self, digits: str) -> str:
        """Keep digits; gives the reference that stands for them."""
        self._count += 1
        reference = f"entry-{self._count}"
        self._digits[reference] = digits
        while len(self._digits) > _MOST:
            del self._digits[next(iter(self._digits))]
        return reference

    def take(self, reference: str) -> str | None:
        """Give the digits out, once; None if there are none (any more)."""
        return self._digits.pop(reference, None)

    def forget(self) -> None:
        """Let go of all of them."""
        self._digits.clear()

    def hide(self, text: str) -> str:
        """A text, JSON or not, with references in place of digits: the model hears keys too, and may repeat them."""
        return without(text, self._digits) if self._digits else text
