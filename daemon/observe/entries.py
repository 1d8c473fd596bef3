"""Entries of calls' journals as lines of the log: what is news, without people's words and digits.

Owned by the app, fed by the feed. What may be said of an entry is decided here and nowhere else. Imports core.
"""

from collections.abc import Callable

import msgspec
import structlog

from daemon.core import journal
from daemon.core.receipts import without_words
from daemon.core.redaction import short_number
from daemon.observe.feed import Watcher

# What somebody should look into, though the call goes on.
_ALARMING = (
    journal.TransferRefused,
    journal.ToolRefused,
    journal.AnswerMissed,
    journal.FellBack,
    journal.CeilingReached,
)


def log_entries(transcripts: Callable[[], bool]) -> Watcher:
    """A watcher that writes a line for each entry that is news, without people's digits, and mostly their words."""
    log = structlog.get_logger()

    def watch(record: journal.Record) -> None:
        fields = _fields(record.entry, transcripts=transcripts())
        if fields is not None:
            write = log.warning if isinstance(record.entry, _ALARMING) else log.info
            write(journal.spaced(type(record.entry).__name__).replace(" ", "_"), call_id=record.call_id, **fields)

    return watch


def _fields(entry: journal.Entry, *, transcripts: bool) -> dict[str, object] | None:
    """What of an entry may be logged; None for what is not worth a line."""
    match entry:
        case journal.WebhookVerified():
            return {"called": short_number(entry.called), "caller": short_number(entry.caller)}
        case journal.Said():
            # Words in the making would be a line for every breath.
            words = {"text": entry.text} if transcripts else {"characters": len(entry.text)}
            return {"speaker": entry.speaker, **words} if entry.final else None
        case journal.KeyPressed():
            return {}
        case journal.HangUpOwed():
            return None  # the collector says so, as an error
        case journal.DigitsCollected():
            return {"count": entry.count, "trigger": entry.trigger}
        case journal.MenuChosen():
            return {"action": entry.action}
        case journal.HangUpAsked() if not transcripts:
            return {}  # the model's reason retells what the caller said
        case journal.Ended():
            receipt = entry.receipt
            seconds = round(receipt.seconds, 3)
            why = receipt.why if transcripts else " > ".join(without_words(receipt.reasons))
            return {"receipt": receipt.outcome, "why": why, "joined": receipt.joined, "seconds": seconds}
        case _:
            return msgspec.structs.asdict(entry)
