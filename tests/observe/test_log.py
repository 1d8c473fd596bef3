import io
import json
import logging
from typing import Any

import pytest
import structlog

from daemon.core import journal
from daemon.core.receipts import Receipt
from daemon.observe import log
from daemon.observe.entries import log_entries
from tests.conftest import Logged

DIGITS = "4111111111111111"
RECEIPT = Receipt(outcome="hung_up", reasons=("drain deadline 1h", "SIGTERM"), joined=True, seconds=1.23456)


def line(entry: journal.Entry, logged: Logged, *, transcripts: bool = False) -> dict[str, Any]:
    log_entries(lambda: transcripts)(journal.Record(at=0.0, call_id="c", entry=entry))
    lines = logged()
    assert len(lines) == 1
    return {key: value for key, value in lines[0].items() if key not in ("timestamp", "level")}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            journal.WebhookVerified(webhook_id="m", called="+18005550199", caller=None),
            {"event": "webhook_verified", "called": "+1800…99", "caller": "unknown"},
        ),
        (journal.Claimed(agent="support"), {"event": "claimed", "agent": "support"}),
        (
            journal.Said(item_id="i", speaker="caller", text="my PIN is 1234", final=True),
            {"event": "said", "speaker": "caller", "characters": 14},
        ),
        (
            journal.CallerLookedUp(result="failed", seconds=0.5, why="HTTP 500"),
            {"event": "caller_looked_up", "result": "failed", "seconds": 0.5, "why": "HTTP 500"},
        ),
        (journal.KeyPressed(digit="7"), {"event": "key_pressed"}),
        (
            journal.DigitsCollected(digits=DIGITS, count=16, trigger="idle"),
            {"event": "digits_collected", "count": 16, "trigger": "idle"},
        ),
        (journal.HangUpAsked(reason="caller Ada is done"), {"event": "hang_up_asked"}),
        (
            journal.Ended(receipt=RECEIPT, events={"ping": 3}),
            {
                "event": "ended",
                "receipt": "hung_up",
                "why": "drain deadline 1h > SIGTERM",
                "joined": True,
                "seconds": 1.235,
            },
        ),
    ],
)
def test_what_a_line_says_without_peoples_words(
    entry: journal.Entry, expected: dict[str, object], logged: Logged
) -> None:
    assert line(entry, logged) == {"call_id": "c", **expected}


def test_transcripts_only_when_asked_for(logged: Logged) -> None:
    said = journal.Said(item_id="i", speaker="caller", text="hello", final=True)
    assert line(said, logged, transcripts=True)["text"] == "hello"


def test_reasons_only_when_asked_for(logged: Logged) -> None:
    assert line(journal.HangUpAsked(reason="done"), logged, transcripts=True)["reason"] == "done"


def test_what_somebody_should_look_into_is_a_warning(logged: Logged) -> None:
    watch = log_entries(lambda: False)
    for entry in (journal.TransferRefused(destination="", why="no such destination"), journal.GoodbyeSaid()):
        watch(journal.Record(at=0.0, call_id="c", entry=entry))
    assert [(line["event"], line["level"]) for line in logged()] == [
        ("transfer_refused", "warning"),
        ("goodbye_said", "info"),
    ]


def test_words_in_the_making_are_no_news(logged: Logged) -> None:
    watch = log_entries(lambda: True)
    watch(
        journal.Record(at=0.0, call_id="c", entry=journal.Said(item_id="i", speaker="agent", text="Hel", final=False))
    )
    assert logged() == []


def test_digits_are_nowhere_even_with_transcripts(logged: Logged) -> None:
    watch = log_entries(lambda: True)
    entries: list[journal.Entry] = [
        journal.KeyPressed(digit=DIGITS),
        journal.DigitsCollected(digits=DIGITS, count=16, trigger="idle"),
        journal.MenuChosen(keys=DIGITS, action="say"),
    ]
    for entry in entries:
        watch(journal.Record(at=0.0, call_id="c", entry=entry))
    assert DIGITS not in str(logged())


@pytest.mark.parametrize("as_json", [True, False])
def test_tracebacks_show_no_local_variables(as_json: bool) -> None:
    stream = io.StringIO()
    log.set_up(level="info", json=as_json, stream=stream)
    secret = "whsec_canary"
    try:
        raise ValueError(len(secret))
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    assert "ValueError" in stream.getvalue()
    assert "canary" not in stream.getvalue().replace('secret = "whsec_canary"', "")


def test_level_and_libraries() -> None:
    stream = io.StringIO()
    log.set_up(level="warning", json=True, stream=stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("httpx").info("GET https://api.example/calls/secret-id")
    logging.getLogger("httpx").warning("trouble")
    structlog.get_logger().warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "secret-id" not in stream.getvalue()
    assert "trouble" in stream.getvalue()
    assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "loud"


def test_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(level="info", json=False)
    structlog.get_logger().info("hello", call_id="c")
    assert "hello" in capsys.readouterr().err


def test_a_log_that_can_not_be_written_fails_nobody() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError("the journal has gone")

        def flush(self) -> None:
            raise BrokenPipeError("the journal has gone")

    for as_json in (True, False):
        log.set_up(level="info", json=as_json, stream=Broken())
        structlog.get_logger().error("failed", exc_info=ValueError("x"))


def test_a_line_of_a_library_is_a_line_like_any_other(logged: Logged) -> None:
    logging.getLogger("some.library").error("trouble with %s", "+18005550199")
    (line,) = logged()
    assert (line["event"], line["library"], line["says"], line["level"]) == (
        "library",
        "some.library",
        "trouble with +1800…99",
        "error",
    )


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_threads_log(form: log.Format, capfd: pytest.CaptureFixture[str]) -> None:
    with log.open_log(level="info", form=form):
        structlog.get_logger().info("hello", n=1)
        structlog.get_logger().debug("not this")
        log.set_level("debug")
        structlog.get_logger().debug("but this")
        assert log.dropped() == 0
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "hello" in lines[0]
    assert "but this" in lines[1]
    if form == "json":
        assert json.loads(lines[0])["n"] == 1


def test_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    assert log.format_for("console", {}) == "console"
    assert log.format_for("auto", {}) == "json"
    monkeypatch.setattr("daemon.observe.journald.is_listening", lambda descriptor, env: True)
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(io.FileIO(2, "w", closefd=False)))
    assert log.format_for("auto", {}) == "journal"


def test_lines_that_were_lost_are_said() -> None:
    line = log._rendered(log._lost(7), log._json())
    assert json.loads(line) == {
        "event": "log_lines_lost",
        "level": "error",
        "lost": 7,
        "why": "nobody took them in time",
    }


def test_why_the_model_hung_up_only_when_asked_for(logged: Logged) -> None:
    receipt = Receipt(outcome="hung_up", reasons=("hang_up by the model: Ada is done",), joined=True, seconds=1.0)
    log_entries(lambda: False)(journal.Record(at=0.0, call_id="c", entry=journal.Ended(receipt=receipt, events={})))
    log_entries(lambda: True)(journal.Record(at=0.0, call_id="c", entry=journal.Ended(receipt=receipt, events={})))
    assert [entry["why"] for entry in logged()] == ["hang_up by the model", "hang_up by the model: Ada is done"]
