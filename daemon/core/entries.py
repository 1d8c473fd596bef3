"""What callers typed for a tool's eyes only: kept under a reference, given out once, and told to nobody else.

The model, the log, the ledger and everybody else see the reference; the digits leave through `take` alone. The platform
gives its model the keys as well, which may repeat them to another tool long after the one they were for has had them.
Pure; owned by the handset.
"""

import re
from typing import Final

from daemon.core.redaction import without

# More than anybody types for one purpose; what is older was not wanted any more.
_MOST = 8

TELLING: Final = 8
"""Keys of an entry that is looked for even where no tool is to have it.

Fewer can be a year or a price by chance, and no tool should be given a reference instead of those.
"""

REFERENCE: Final = re.compile(r"entry-[0-9]{1,9}")


class Entries:
    """The sensitive entries of one call that no tool has used yet."""

    def __init__(self) -> None:
        self._digits: dict[str, str] = {}
        self._used: dict[str, str] = {}
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

    def overhear(self, digits: str) -> None:
        """Keep digits that nobody asked for, or that were not what was asked for, if they are worth being hidden."""
        if len(digits) >= TELLING:
            self.keep(digits)

    def take(self, reference: str) -> str | None:
        """Give the digits out, once; None if there are none (any more)."""
        digits = self._digits.pop(reference, None)
        if digits is not None and len(digits) >= TELLING:
            self._used[reference] = digits
            while len(self._used) > _MOST:
                del self._used[next(iter(self._used))]
        return digits

    def forget(self) -> None:
        """Let go of all of them."""
        self._digits.clear()
        self._used.clear()

    def hide(self, text: str) -> str:
        """A text, JSON or not, with references in place of digits: the model hears keys too, and may repeat them."""
        kept = self._used | self._digits
        return without(text, kept) if kept else text
