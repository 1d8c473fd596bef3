"""What an endpoint is told of a call: from the ledger's record to the text that is signed and sent.

Pure. Described field by field in `docs/deliveries.md`, which a test holds against this. Fields may be added, and never
change their meaning. What tools were given and gave is left out: it can be anything about anybody. Imports msgspec,
core and the ledger's records.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.core.effects import INTERRUPTED
from daemon.ledger.records import Record, ToolUsed

Fields = dict[str, Any]


def compose(event: str, record: Record, *, transcript: bool) -> str:
    """The payload of an event of a call, as JSON text; `transcript` is whether words are kept and told at all."""
    call = record.call
    happened_at = call.claimed_at if event == "call.claimed" or call.ended_at is None else call.ended_at
    data = _claimed(record) if event == "call.claimed" else {**_claimed(record), **_ended(record)}
    if event == "call.ended" and transcript:
        data["transcript"] = [
            {"speaker": turn.speaker, "text": turn.words, "at": moment(turn.at), "final": turn.final}
            for turn in record.turns
        ]
    return msgspec.json.encode({"type": event, "timestamp": moment(happened_at), "data": data}).decode()


def moment(seconds: float | None) -> str | None:
    """A time in ISO 8601, to the millisecond, in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _claimed(record: Record) -> Fields:
    call = record.call
    return {
        "call_id": call.call_id,
        "called": call.called,
        "caller": call.caller,
        "agent": call.agent,
        "node": call.node,
        "claimed_at": moment(call.claimed_at),
    }


def _ended(record: Record) -> Fields:
    call = record.call
    return {
        "joined_at": moment(call.joined_at),
        "ended_at": moment(call.ended_at),
        "seconds": None if call.seconds is None else round(call.seconds, 3),
        "outcome": call.outcome,
        "reasons": call.reasons,
        "keypad": list(_keypad(record)),
        "tools": [_tool(tool) for tool in record.tools],
        "transfers": _transfers(record),
        "usage": {"events": call.events},
    }


def _keypad(record: Record) -> Iterator[Fields]:
    for happened in record.entries:
        match happened.entry:
            case {"kind": "DigitsCollected", "digits": digits, "count": count, "trigger": trigger}:
                entry = {"at": moment(happened.at), "count": count, "ended_by": trigger}
                yield entry if digits is None else {**entry, "digits": digits}


def _tool(tool: ToolUsed) -> Fields:
    times = {"begun_at": moment(tool.begun_at), "ended_at": moment(tool.ended_at)}
    return {"name": tool.name, **times, "result": _result(tool.output)}


def _result(output: str | None) -> str:
    """Whether a tool worked, as far as its output tells: the model is given errors as an object with that key."""
    if output is None or output == INTERRUPTED:
        return "unknown"
    try:
        said = msgspec.json.decode(output)
    except (msgspec.DecodeError, RecursionError):
        return "ok"
    return "failed" if isinstance(said, dict) and "error" in said else "ok"


def _transfers(record: Record) -> list[Fields]:
    """Transfers that were tried. One that nobody saw the end of succeeded if the call's receipt says so."""
    transfers: list[Fields] = []
    for happened in record.entries:
        match happened.entry:
            case {"kind": "TransferAsked", "destination": destination}:
                transfers.append({"destination": destination, "at": moment(happened.at), "result": "unknown"})
            case {"kind": "TransferFailed", "result": result, "sip_status": status} if transfers:
                transfers[-1] |= {"result": result, "sip_status": status}
    if transfers and transfers[-1]["result"] == "unknown" and record.call.outcome == "transferred":
        transfers[-1]["result"] = "answered"
    return transfers
