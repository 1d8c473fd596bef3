from daemon.core import journal
from daemon.core.receipts import Receipt
from daemon.observe.metrics import Metrics


def ended(outcome: str) -> journal.Ended:
    receipt = Receipt(outcome="lost" if outcome == "lost" else "hung_up", reasons=("x",), joined=True, seconds=1.0)
    return journal.Ended(receipt=receipt, events={})


def test_what_is_counted() -> None:
    metrics = Metrics()
    entries: list[journal.Entry] = [
        ended("hung_up"),
        ended("lost"),
        ended("lost"),
        journal.HangUpOwed(why="x"),
        journal.LineLost(why="closed with 1006"),
        journal.ToolEnded(name="book", seconds=0.1, ok=False, why="HTTP 503"),
        journal.CallerLookedUp(result="late", seconds=1.5, why="no answer within 1.5s"),
        journal.Continued(earlier="c0"),
        journal.GoodbyeSaid(),
    ]
    for entry in entries:
        metrics.watch(journal.Record(at=0.0, call_id="c", entry=entry))
    value = metrics.registry.get_sample_value
    assert value("callwarden_calls_ended_total", {"receipt": "lost"}) == 2
    assert value("callwarden_calls_ended_total", {"receipt": "hung_up"}) == 1
    assert value("callwarden_hang_ups_owed_total") == 1
    assert value("callwarden_lines_lost_total") == 1
    assert value("callwarden_tool_uses_total", {"tool": "book", "result": "failed"}) == 1
    assert value("callwarden_lookups_total", {"result": "late"}) == 1
    assert value("callwarden_redials_continued_total") == 1


def test_no_label_names_a_call_or_a_caller() -> None:
    labels = {label for family in Metrics().registry.collect() for sample in family.samples for label in sample.labels}
    assert labels <= {"receipt", "result"}
