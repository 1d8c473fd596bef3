"""What is counted, and that no label can grow."""

from collections.abc import Sequence

import pytest
from trio.testing import MockClock

from daemon.core import journal
from daemon.core.receipts import Outcome, Receipt
from daemon.observe.metrics import Metrics


def ended(outcome: Outcome, *reasons: str) -> journal.Ended:
    return journal.Ended(receipt=Receipt(outcome=outcome, reasons=reasons, joined=True, seconds=65.0), events={})


def fed(*entries: journal.Entry) -> Metrics:
    metrics = Metrics(version="1.2.3")
    for entry in entries:
        metrics.watch(journal.Record(at=0.0, call_id="c", entry=entry))
    return metrics


async def test_calls(autojump_clock: MockClock) -> None:
    metrics = fed(
        journal.Claimed(agent="support"),
        journal.TakenOver(former="e", seconds=1),
        journal.Diverted(why="overflow: paused"),
        ended("hung_up", "operator uid 0"),
        ended("lost", "x"),
        ended("lost", "y"),
        ended("transferred", "transfer to front_desk"),
        journal.TransferFailed(destination="front_desk", result="rejected", sip_status=486),
        journal.HangUpOwed(why="x"),
        journal.LineLost(why="closed with 1006"),
        journal.Rejoined(seconds=0.3),
        journal.Said(item_id="i", speaker="caller", text="a", final=False),
        journal.Said(item_id="i", speaker="caller", text="ab", final=True),
        journal.DigitsCollected(digits="42", count=2, trigger="terminator"),
        journal.PlatformComplained(type="t", code=None, message=None),
        journal.GoodbyeSaid(),
    )
    value = metrics.registry.get_sample_value
    assert value("callwarden_calls_started_total", {"how": "answered"}) == 1
    assert value("callwarden_calls_started_total", {"how": "taken_over"}) == 1
    assert value("callwarden_calls_started_total", {"how": "diverted"}) == 1
    assert value("callwarden_calls_ended_total", {"receipt": "lost", "reason": "other"}) == 2
    assert value("callwarden_calls_ended_total", {"receipt": "hung_up", "reason": "operator"}) == 1
    assert value("callwarden_call_duration_seconds_bucket", {"le": "60.0"}) == 0
    assert value("callwarden_call_duration_seconds_bucket", {"le": "120.0"}) == 4
    assert value("callwarden_transfers_total", {"result": "answered"}) == 1
    assert value("callwarden_transfers_total", {"result": "rejected"}) == 1
    assert value("callwarden_hang_ups_owed_total") == 1
    assert value("callwarden_lines_lost_total") == 1
    assert value("callwarden_rejoin_seconds_count") == 1
    assert value("callwarden_turns_total", {"speaker": "caller"}) == 1
    assert value("callwarden_keypad_entries_total", {"trigger": "terminator"}) == 1
    assert value("callwarden_platform_complaints_total") == 1
    assert value("callwarden_build_info", {"version": "1.2.3"}) == 1


def test_what_other_rooms_tell() -> None:
    metrics = Metrics()
    for result in ("claimed", "full", "bad_signature"):
        metrics.webhook(result)
    metrics.tool("lookup_order", 0.2, "ok")
    metrics.transaction("write", 0.002, True)
    metrics.transaction("read", 5.0, False)
    metrics.lag(0.004)
    metrics.configured(100.0)
    metrics.reload(None)
    value = metrics.registry.get_sample_value
    assert value("callwarden_webhooks_total", {"result": "full"}) == 1
    assert value("callwarden_admission_refusals_total", {"cause": "full"}) == 1
    assert value("callwarden_admission_refusals_total", {"cause": "claimed"}) is None
    # What alerts look at is there before it happens.
    assert value("callwarden_calls_ended_total", {"receipt": "lost", "reason": "bug"}) == 0
    assert value("callwarden_webhooks_total", {"result": "wrong_secret"}) == 0
    assert value("callwarden_tool_duration_seconds_count", {"tool": "lookup_order", "result": "ok"}) == 1
    assert value("callwarden_ledger_duration_seconds_count", {"kind": "write"}) == 1
    assert value("callwarden_ledger_errors_total", {"kind": "read"}) == 1
    assert value("callwarden_loop_lag_seconds_bucket", {"le": "0.005"}) == 1
    assert value("callwarden_config_last_reload_success") == 0
    assert value("callwarden_config_last_reload_success_timestamp_seconds") == 100
    metrics.reload(200.0)
    assert value("callwarden_config_last_reload_success") == 1
    assert value("callwarden_config_reloads_total", {"result": "refused"}) == 1
    assert value("callwarden_config_reloads_total", {"result": "done"}) == 1


BOUNDED = {"generation", "how", "le", "receipt", "reason", "result", "cause", "speaker", "trigger", "step", "kind"}


async def test_labels_are_those_that_can_not_grow(autojump_clock: MockClock) -> None:
    metrics = fed(journal.Claimed(agent="support"), ended("lost", "anything a caller says: +14155550100"))
    families = list(metrics.registry.collect())
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    assert labels <= BOUNDED | {"version"}
    assert "+1415" not in str(families)


@pytest.mark.parametrize(
    ("entries", "steps"),
    [
        (
            [
                journal.Claimed(agent="a"),
                journal.Joined(seconds=0.12),
                journal.SessionSent(seconds=0.13),
                journal.SessionConfigured(model=None, voice=None),
                journal.Said(item_id="i", speaker="caller", text="hello", final=False),
                journal.Said(item_id="j", speaker="agent", text="Hel", final=False),
                journal.Said(item_id="j", speaker="agent", text="Hello", final=True),
                journal.SessionConfigured(model=None, voice=None),
            ],
            {"joined": 1, "sent": 1, "configured": 1, "first_output": 1},
        ),
        # Somebody else had greeted that caller.
        ([journal.TakenOver(former="e", seconds=60), journal.Joined(seconds=60.2)], {"joined": None}),
        ([journal.Claimed(agent="a"), journal.SessionSent(seconds=0.1)], {"sent": None}),
    ],
)
async def test_how_long_callers_wait(
    autojump_clock: MockClock, entries: Sequence[journal.Entry], steps: dict[str, int | None]
) -> None:
    metrics = fed(*entries)
    for step, count in steps.items():
        value = metrics.registry.get_sample_value("callwarden_pickup_seconds_count", {"step": step})
        assert value == count, step
